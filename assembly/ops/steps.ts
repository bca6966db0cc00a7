import { Activation, dtypeOf, Op } from "../blob";
import { BIT_TENSOR, OPS } from "../features";

/**
 * Post thresholds (FORMAT.md) for cores without vectors, where comparing all steps of a record would take longer than a channel's sum: steps ascend, so
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
  if (OPS & BIT_TENSOR && dtypeOf(tensor) == Activation.bit) {
    if (all == 1 && !(channel & 7)) {
      for (; channel + 8 <= end; channel += 8) {
        let bits: i32 = 0;
        for (const next = sums + 32; sums < next; record += step, sums += 4) {
          const head = load<i32>(record);
          let code = (head << 16) >> 16; // base
          if (load<i32>(sums) >= load<i32>(record, 4)) code += head >>> 16 ? 1 : -1;
          bits = (bits >>> 1) | (code & 0x80000000);
        }
        store<u8>(row + (channel >> 3), bits >>> 24);
      }
    }
    for (; channel < end; channel++, record += step, sums += 4) {
      const at = row + (channel >> 3);
      store<u8>(at, load<u8>(at) | ((code(record, all, load<i32>(sums)) >>> 31) << (channel & 7)));
    }
    return;
  }
  for (; channel < end; channel++, record += step, sums += 4) {
    store<u8>(row + channel, inline.always(code(record, all, load<i32>(sums))));
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
