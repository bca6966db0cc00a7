import { Activation, Op, OWN_SHIFTS, Post } from "../blob";
import { BIT_TENSOR, LOOKUP, PLANE, REQUANTIZE, SCORES, THRESHOLDS } from "../features";
import { DEAR_64_BIT_PRODUCTS, HALVING } from "../kernels";
import { DTYPES, POSTS } from "../profiles";
import { firstRow } from "../regions";
import { dtypeOf } from "../tensors";
import { storeElement } from "./elements";
import { code, secondOf } from "./operands";
import { storeSteps } from "./steps";

/** Bytes of an op's parameter record. */
export function recordBytes(op: usize): u32 {
  const post: i32 = load<u8>(op, Op.post);
  if (post == Post.thresholds) return 4 + ((<u32>load<u16>(op, Op.count)) << 2);
  if (post == Post.lookup) return 256;
  if (POSTS & REQUANTIZE && post == Post.requantize) return load<u8>(op, Op.flags) & OWN_SHIFTS ? 12 : 8;
  return POSTS & (SCORES | PLANE) && post ? 16 << (post & 1) : 0; // of scores, and of a plane
}

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
  if (POSTS & REQUANTIZE && load<u8>(op, Op.post) == Post.requantize) {
    // a loop of its own, with all that an op's channels share in registers: a third of the time
    const isBit: bool = DTYPES & BIT_TENSOR && dtypeOf(tensor) == Activation.bit;
    const rounding: u32 = load<u8>(op, Op.rounding);
    const own = load<u8>(op, Op.flags) & OWN_SHIFTS;
    const codes = dtypeOf(tensor) == Activation.u8 ? 0xff : -1; // codes of the output's dtype
    const lo = load<i8>(op, Op.lo) & codes;
    const hi = load<i8>(op, Op.hi) & codes;
    const zero = own ? load<i8>(op, Op.zero) & codes : 0;
    let left: u32 = load<u8>(op, Op.left);
    let right: u32 = load<u8>(op, Op.right);
    if (DEAR_64_BIT_PRODUCTS && !isBit && !own && right < 23) {
      // y is clamped before it is rounded, which comes to the same: rounding is monotone, and keeps whole codes. Then no sum overflows.
      const least = lo << right;
      const most = hi << right;
      const up: i32 = rounding && right ? 1 : 0;
      const half: i32 = up ? (1 << (right - 1)) - 1 : 0; // half to even: an odd code goes up at a tie, too
      row += channel;
      for (; sums < end; record += step, row++) {
        const x = load<i32>(sums) << left;
        sums += 4; // here, so that x stays before the record: a check between extension and product would hide from compilers that it is one instruction
        let y = load<i32>(record, 4) + <i32>((<i64>x * load<i32>(record)) >> 32);
        y = min(max(y, least), most);
        store<u8>(row, (y + half + ((y >> right) & up)) >> right);
      }
      return;
    }
    for (; sums < end; record += step, sums += 4, channel++) {
      if (own) left = load<u8>(record, 10);
      const x = load<i32>(sums) << left;
      let y = inline.always(highProduct(x, load<i32>(record))) + load<i32>(record, 4);
      if (own) {
        const low: u32 = (<u32>load<u16>(record, 8)) << 16;
        y += i32(<u32>(x * load<i32>(record)) + low < low); // the carry of the low words
        right = load<u8>(record, 11);
      }
      storeElement(isBit, row, channel, min(max(inline.always(rounded(y, right, rounding)) + zero, lo), hi));
    }
    return;
  }
  let second: usize = 0; // of a plane
  let away: usize = 0; // where it lies in its rows as the output does
  if (POSTS & PLANE && load<u8>(op, Op.post) == Post.plane) {
    second = secondOf(op);
    away = firstRow(second) - firstRow(tensor);
  }
  for (; sums < end; record += step, sums += 4, channel++) {
    const x = load<i32>(sums);
    if (POSTS & PLANE && second) {
      const at = row + channel;
      store<u8>(at, inline.always(pointOf(record, x, code(second, at + away))));
    } else inline.always(storeCode(op, load<u8>(op, Op.post), record, x, tensor, row, channel));
  }
}

/** Post plane: the code of a sum and a code, rounded half to even. */
function pointOf(record: usize, x: i32, other: i32): i64 {
  const y = load<i64>(record) * x + load<i64>(record, 8) * other + load<i64>(record, 16);
  const shift: i64 = load<u8>(record, 28);
  const rounded = (y + ((y >> shift) & 1)) >> shift;
  return min<i64>(max<i64>(rounded, load<i16>(record, 24)), load<i16>(record, 26));
}

/** Post of one integer, but for those that have a loop of their own: requantize above, thresholds where they are halved. */
export function storeCode(op: usize, post: i32, record: usize, x: i32, tensor: usize, row: usize, channel: u32): void {
  let code: i32 = 0;
  if (POSTS & LOOKUP && post == Post.lookup) code = load<i8>(record + (x & 0xff));
  else if (POSTS & THRESHOLDS && !HALVING) code = thresholds(record, load<u16>(op, Op.count), x);
  storeElement(DTYPES & BIT_TENSOR && dtypeOf(tensor) == Activation.bit, row, channel, code);
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

/** ⌊x · y / 2^32⌋. By halves on small cores, for some of which a product of 64 bits is a call of 50 instructions. */
function highProduct(x: i32, y: i32): i32 {
  if (!DEAR_64_BIT_PRODUCTS) return <i32>((<i64>x * y) >> 32);
  const middle = (x >> 16) * (y & 0xffff) + (((x & 0xffff) * (y & 0xffff)) >>> 16); // this sum and the next fit
  const other = (x & 0xffff) * (y >> 16) + (middle & 0xffff);
  return (x >> 16) * (y >> 16) + (middle >> 16) + (other >> 16);
}

/** y / 2^shift, rounded to −∞ (0), half to even (1) or half away from 0 (2). */
function rounded(y: i32, shift: u32, rounding: u32): i32 {
  if (rounding & 2) y += ((1 << shift) >>> 1) + (y >> 31);
  const code = y >> shift;
  const rest = ((<u32>y) << (31 - shift)) << 1; // what was shifted out, from the top bit on
  return code + (rounding & u32(rest + (code & 1) > 0x80000000)); // no branch, which would be a coin toss
}
