import { FEW_PACKINGS } from "../../features";
import { mismatches } from "../common/mismatches";

/** Bytes of a step of the loop. */
const STEP: u32 = FEW_PACKINGS ? 8 : 16;

/**
 * Binary weights (sign32) × bits. Each differing bit turns a product of +1 into −1, hence inputs − 2 · mismatches. Four channels share every load of the input: to an interpreter a load costs as much as two other instructions. Contract: ../README.md.
 */
export function sign32Bit(
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  const rest = inputs % (STEP * 8);
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const end = codes + (inputs / (STEP * 8)) * STEP;
    let a = weights;
    let at = sums;
    const last = sums + (channels << 2);
    for (; at + 16 <= last; at += 16) {
      let b = a + weightStep;
      let c = b + weightStep;
      let d = c + weightStep;
      const next = d + weightStep;
      let countA: i32 = 0;
      let countB: i32 = 0;
      let countC: i32 = 0;
      let countD: i32 = 0;
      let x = codes;
      for (; x < end; x += STEP, a += STEP, b += STEP, c += STEP, d += STEP) {
        let word = load<u64>(x);
        countA += <i32>popcnt(load<u64>(a) ^ word);
        countB += <i32>popcnt(load<u64>(b) ^ word);
        countC += <i32>popcnt(load<u64>(c) ^ word);
        countD += <i32>popcnt(load<u64>(d) ^ word);
        if (FEW_PACKINGS) continue;
        word = load<u64>(x, 8);
        countA += <i32>popcnt(load<u64>(a, 8) ^ word);
        countB += <i32>popcnt(load<u64>(b, 8) ^ word);
        countC += <i32>popcnt(load<u64>(c, 8) ^ word);
        countD += <i32>popcnt(load<u64>(d, 8) ^ word);
      }
      if (rest) {
        countA += mismatches(a, x, rest);
        countB += mismatches(b, x, rest);
        countC += mismatches(c, x, rest);
        countD += mismatches(d, x, rest);
      }
      store<i32>(at, inputs - 2 * countA);
      store<i32>(at, inputs - 2 * countB, 4);
      store<i32>(at, inputs - 2 * countC, 8);
      store<i32>(at, inputs - 2 * countD, 12);
      a = next;
    }
    for (; at < last; at += 4, a += weightStep) store<i32>(at, inputs - 2 * mismatches(a, codes, inputs));
  }
}
