/**
 * The only file that knows which variants exist: it chooses by the compile-time constants ASC_FEATURE_SIMD and
 * ASC_FEATURE_RELAXED_SIMD. A variant is a folder whose files have the names and exports of scalar/.
 */
export { fieldCode } from "./scalar/field_code";
export { signBit } from "./scalar/sign_bit";
export { signCode } from "./scalar/sign_code";
