import { Activation, dtypeOf, Op, Post } from "../blob";
import { BIT_TENSOR, DATA, LOOKUP, OPS, REQUANTIZE, SMALL, THRESHOLDS } from "../features";
import { CHEAP_BRANCHES, DEAR_64_BIT_PRODUCTS, FREE_64_BITS, HALVING } from "../kernels";
import { storeElement } from "./elements";
import { storeSteps } from "./steps";

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
  if (HALVING && load<u8>(op, Op.post) == Post.thresholds) {
    storeSteps(op, record, sums, count, tensor, row, channel);
    return;
  }
  const step: u32 = load<u16>(op, Op.recordStep); // 0 where the channels share a record
  const end = sums + (count << 2);
  if (DATA & REQUANTIZE && load<u8>(op, Op.post) == Post.requantize) {
    // a loop of its own, with all that an op's channels share in registers: a third of the time
    const isBit: bool = OPS & BIT_TENSOR && dtypeOf(tensor) == Activation.bit;
    const even = load<u8>(op, Op.rounding);
    const lo: i32 = load<i16>(op, Op.lo);
    const hi: i32 = load<i16>(op, Op.hi);
    for (; sums < end; record += step, sums += 4, channel++) {
      storeElement(isBit, row, channel, inline.always(requantize(record, load<i32>(sums), even, lo, hi)));
    }
    return;
  }
  for (; sums < end; record += step, sums += 4, channel++) {
    inline.always(storeCode(op, load<u8>(op, Op.post), record, load<i32>(sums), tensor, row, channel));
  }
}

/** Post of one integer, but for those that have a function of their own in builds that are not small: requantize above, thresholds where they are halved. */
export function storeCode(op: usize, post: i32, record: usize, x: i32, tensor: usize, row: usize, channel: u32): void {
  let code: i32 = 0;
  if (DATA & LOOKUP && post == Post.lookup) code = load<i8>(record + (x & 0xff));
  else if (SMALL && DATA & REQUANTIZE && post == Post.requantize) {
    code = requantize(record, x, load<u8>(op, Op.rounding), load<i16>(op, Op.lo), load<i16>(op, Op.hi));
  } else if (DATA & THRESHOLDS && !HALVING) code = thresholds(record, load<u16>(op, Op.count), x);
  storeElement(OPS & BIT_TENSOR && dtypeOf(tensor) == Activation.bit, row, channel, code);
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

/** clamp((x · multiplier + offset) / 2^shift, lo, hi), rounded to −∞ or, if `even`, half to even. In 32 bits as soon as may be: a 64-bit shift is a call on small cores. */
function requantize(record: usize, x: i32, even: u32, lo: i32, hi: i32): i32 {
  if (FREE_64_BITS) return inline.always(requantize64(record, x, even, lo, hi));
  const shift: i32 = load<u8>(record, 4);
  const line = inline.always(product(x, load<i32>(record))) + load<i64>(record, 8);
  const last = i32(shift != 0); // a bit is left for rounding
  const near = line >> (shift - last);
  const twice = saturated(near);
  let code = twice >> last;
  if (even && CHEAP_BRANCHES) {
    if (twice & last && (code & 1 || near << (shift - last) != line)) code++;
  } else if (even) {
    code += twice & last & (code | i32(near << (shift - last) != line)); // no branch, which would be a coin toss
  }
  return min(max(code, lo), hi);
}

/** The same in 64 bits, where they cost nothing. */
function requantize64(record: usize, x: i32, even: u32, lo: i64, hi: i64): i32 {
  const shift: i64 = load<u8>(record, 4);
  const line = <i64>x * i64.load32_s(record) + load<i64>(record, 8);
  let code = line >> shift;
  if (even) {
    const rest = ((<u64>line) << (63 - shift)) << 1; // what was shifted out, from the top bit on
    code += i64(rest + (code & 1) > 1 << 63); // no branch, which would be a coin toss
  }
  return <i32>min(max(code, lo), hi);
}

/** x · y. By halves on small cores, for some of which a product of 64 bits is a call of 50 instructions. */
function product(x: i32, y: i32): i64 {
  if (!DEAR_64_BIT_PRODUCTS) return <i64>x * y;
  const low = (x & 0xffff) * (y & 0xffff);
  const middle = (x >> 16) * (y & 0xffff) + (low >>> 16); // this sum and the next fit
  const other = (x & 0xffff) * (y >> 16) + (middle & 0xffff);
  const high = (x >> 16) * (y >> 16) + (middle >> 16) + (other >> 16);
  return ((<i64>high) << 32) | <u32>(x * y);
}

/** What does not fit an i32 becomes the least or greatest that does. */
function saturated(x: i64): i32 {
  return x == <i64>(<i32>x) ? <i32>x : x < 0 ? i32.MIN_VALUE : i32.MAX_VALUE;
}
