import { Activation, dtypeOf, Op, Post } from "../blob";
import { BIT_TENSOR, DATA, LOOKUP, OPS, REQUANTIZE, THRESHOLDS } from "../features";

/** Post (FORMAT.md): the code of the integer `x` by the parameter record at `record`. */
export function codeOf(op: usize, record: usize, x: i32): i32 {
  const post: i32 = load<u8>(op, Op.post);
  if (DATA & LOOKUP && post == Post.lookup) return load<i8>(record + (x & 0xff));
  if (DATA & REQUANTIZE && post == Post.requantize) return requantize(op, record, x);
  return DATA & THRESHOLDS ? thresholds(record, load<u16>(op, Op.count), x) : 0;
}

/** base + #{j < ups: x ≥ steps[j]} − #{j ≥ ups: x ≥ steps[j]} */
function thresholds(record: usize, count: u32, x: i32): i32 {
  let code: i32 = load<i16>(record);
  const falling = record + ((<u32>load<u16>(record, 2)) << 2);
  for (const end = record + (count << 2); record < end; record += 4) {
    if (x >= load<i32>(record, 4)) code += record < falling ? 1 : -1;
  }
  return code;
}

/** clamp((x · multiplier + offset) / 2^shift, lo, hi), rounded to −∞ or half to even */
function requantize(op: usize, record: usize, x: i32): i32 {
  const shift: i64 = load<u8>(record, 4);
  const line = <i64>x * load<i32>(record) + load<i64>(record, 8);
  let code = line >> shift;
  if (load<u8>(op, Op.rounding)) {
    const rest = line & (((<i64>1) << shift) - 1);
    if (<u64>(rest + (code & 1)) > (<u64>1) << (shift - 1)) code++; // 2^63 without a shift: never
  }
  const lo: i64 = load<i16>(op, Op.lo);
  const hi: i64 = load<i16>(op, Op.hi);
  return <i32>(code < lo ? lo : code > hi ? hi : code);
}

/** Stores a code as element `channel` of a row of `tensor`. The bits of a row have been cleared. */
export function storeCode(tensor: usize, row: usize, channel: u32, code: i32): void {
  if (OPS & BIT_TENSOR && dtypeOf(tensor) == Activation.bit) {
    row += channel >> 3;
    store<u8>(row, load<u8>(row) | ((code >>> 31) << (channel & 7)));
  } else {
    store<u8>(row + channel, code);
  }
}
