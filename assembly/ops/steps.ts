import { Activation, Op } from "../blob";
import { BIT_TENSOR } from "../features";
import { DTYPES } from "../profiles";
import { dtypeOf } from "../tensors";
import { storeElement } from "./elements";

/** Base and ups of a record of one step, up from −1 to 0. */
const RISING: u32 = 0x1ffff;

/**
 * Post thresholds (FORMAT.md), where comparing all steps of a record would take longer than a channel's sum, for want of vectors: steps ascend, so
 * halving finds how many are reached. Contract of storeCodes (code.ts).
 */
export function storeSteps(
  op: usize,
  record: usize,
  sums: usize,
  count: u32,
  tensor: usize,
  row: usize,
  channel: u32,
): void {
  const step: u32 = load<u16>(op, Op.recordStep);
  const all: u32 = load<u16>(op, Op.count);
  const end = channel + count;
  const isBit: bool = DTYPES & BIT_TENSOR && dtypeOf(tensor) == Activation.bit;
  if (isBit && all == 1 && !(channel & 7)) {
    for (; channel + 8 <= end; channel += 8) {
      let bits: i32 = 0;
      for (const next = sums + 32; sums < next; record += step, sums += 4) {
        const head = load<u32>(record);
        let isNegative = i32(load<i32>(sums) < load<i32>(record, 4));
        if (head != RISING) {
          const base = ((<i32>head) << 16) >> 16;
          isNegative = i32((isNegative ? base : head >>> 16 ? base + 1 : base - 1) < 0);
        }
        bits = (bits >>> 1) | (isNegative << 31);
      }
      store<u8>(row + (channel >> 3), bits >>> 24);
    }
  }
  for (; channel < end; channel++, record += step, sums += 4) {
    inline.always(storeElement(isBit, row, channel, inline.always(code(record, all, load<i32>(sums)))));
  }
}

/** base + #{j < ups: x ≥ steps[j]} − #{j ≥ ups: x ≥ steps[j]} */
function code(record: usize, all: u32, x: i32): i32 {
  const base: i32 = load<i16>(record);
  const ups = min<u32>(load<u16>(record, 2), all);
  const rising = base + inline.always(reached(record + 4, ups, x));
  return ups == all ? rising : rising - reached(record + 4 + (ups << 2), all - ups, x);
}

/** How many of `count` ascending steps x has reached. */
function reached(steps: usize, count: u32, x: i32): i32 {
  const first = steps;
  while (count) {
    const half = count >> 1;
    const middle = steps + (half << 2);
    if (x >= load<i32>(middle)) {
      steps = middle + 4;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return <i32>(steps - first) >> 2;
}
