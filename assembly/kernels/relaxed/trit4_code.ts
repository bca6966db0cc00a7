export { TRIT4_BYTES, trit4Start, trit4Sums, trit4Tables } from "../core/trit4_code";
