export { tap8Code } from "../scalar/tap8_code";
