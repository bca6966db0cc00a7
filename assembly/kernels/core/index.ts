export { fieldCode } from "./field_code";
export { field2x16Code } from "./field2x16_code";
export { pair4Code } from "./pair4_code";
export { PANEL_ROWS, panelCode } from "./panel_code";
export { preparedCode } from "./prepared_code";
export { prepare, preparedBytes } from "./rows";
export { signCode } from "./sign_code";
export { sign32Bit } from "./sign32_bit";
export { sign128Bit } from "./sign128_bit";
export { tap8Code } from "./tap8_code";
export {
  TRIT4_BIAS,
  TRIT4_BYTES,
  trit4PairSums,
  trit4PairTables,
  trit4Start,
  trit4Sums,
  trit4Tables,
} from "./trit4_code";
