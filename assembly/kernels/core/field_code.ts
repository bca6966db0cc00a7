export { fieldCode } from "../scalar/field_code";
