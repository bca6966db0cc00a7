export {
  TRIT4_BIAS,
  TRIT4_BYTES,
  trit4PairSums,
  trit4PairTables,
  trit4Start,
  trit4Sums,
  trit4Tables,
} from "../core/trit4_code";
