import { Activation, dtypeOf, Op, Post } from "../blob";
import { BIT_TENSOR, DATA, LOOKUP, OPS, REQUANTIZE, THRESHOLDS } from "../features";

/**
 * Posts (FORMAT.md): the codes of `count` integers at `sums` (i32), by the parameter records from `record` on, as elements `channel` …
 * of the row at `row` of `tensor`. The bits of a row have been cleared.
 */
export function storeCodes(
  op: usize,
  record: usize,
  sums: usize,
  count: u32,
  tensor: usize,
  row: usize,
  channel: u32,
): void {
  const step: u32 = load<u16>(op, Op.recordStep); // 0 where the channels share a record
  const end = sums + (count << 2);
  if (DATA & REQUANTIZE && load<u8>(op, Op.post) == Post.requantize && dtypeOf(tensor) != Activation.bit) {
    // a loop of its own, with all that an op's channels share in registers: a third of the time
    const even = load<u8>(op, Op.rounding);
    const lo: i64 = load<i16>(op, Op.lo);
    const hi: i64 = load<i16>(op, Op.hi);
    for (row += channel; sums < end; record += step, sums += 4, row++) {
      store<u8>(row, inline.always(requantize(record, load<i32>(sums), even, lo, hi)));
    }
    return;
  }
  for (; sums < end; record += step, sums += 4, channel++) {
    inline.always(storeCode(op, record, load<i32>(sums), tensor, row, channel));
  }
}

/** Post of one integer. */
export function storeCode(op: usize, record: usize, x: i32, tensor: usize, row: usize, channel: u32): void {
  const post: i32 = load<u8>(op, Op.post);
  let code: i32 = 0;
  if (DATA & LOOKUP && post == Post.lookup) code = load<i8>(record + (x & 0xff));
  else if (DATA & REQUANTIZE && post == Post.requantize) {
    code = requantize(record, x, load<u8>(op, Op.rounding), load<i16>(op, Op.lo), load<i16>(op, Op.hi));
  } else if (DATA & THRESHOLDS) code = thresholds(record, load<u16>(op, Op.count), x);
  if (OPS & BIT_TENSOR && dtypeOf(tensor) == Activation.bit) {
    const at = row + (channel >> 3);
    store<u8>(at, load<u8>(at) | ((code >>> 31) << (channel & 7)));
  } else {
    store<u8>(row + channel, code);
  }
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

/** clamp((x · multiplier + offset) / 2^shift, lo, hi), rounded to −∞ or, if `even`, half to even */
function requantize(record: usize, x: i32, even: u32, lo: i64, hi: i64): i32 {
  const shift: i64 = load<u8>(record, 4);
  const line = <i64>x * i64.load32_s(record) + load<i64>(record, 8);
  let code = line >> shift;
  if (even) {
    const rest = ((<u64>line) << (63 - shift)) << 1; // what was shifted out, from the top bit on
    code += i64(rest + (code & 1) > 1 << 63); // no branch, which would be a coin toss
  }
  return <i32>min(max(code, lo), hi);
}
