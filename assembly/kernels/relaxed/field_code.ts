export { fieldCode } from "../simd/field_code";
