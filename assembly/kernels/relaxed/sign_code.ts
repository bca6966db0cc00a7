export { signCode } from "../scalar/sign_code";
