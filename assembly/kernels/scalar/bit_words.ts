/**
 * Binary weights (sign32) × bits, for interpreters, to which a load costs as much as two other instructions, of whatever width, and a call a dozen: four channels
 * share every load of the input. As sign_bit.ts otherwise. Contract: ../README.md.
 */
export function signBit(
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
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const end = codes + ((inputs >> 7) << 4);
    let a = weights;
    for (let left = channels, at = sums; ; at += 16, left -= 4) {
      let b = left > 1 ? a + weightStep : a;
      let c = left > 2 ? b + weightStep : b;
      let d = left > 3 ? c + weightStep : c;
      const next = d + weightStep;
      let countA: i64 = 0;
      let countB: i64 = 0;
      let countC: i64 = 0;
      let countD: i64 = 0;
      let x = codes;
      for (; x < end; x += 16, a += 16, b += 16, c += 16, d += 16) {
        let word = load<u64>(x);
        countA += popcnt(load<u64>(a) ^ word);
        countB += popcnt(load<u64>(b) ^ word);
        countC += popcnt(load<u64>(c) ^ word);
        countD += popcnt(load<u64>(d) ^ word);
        word = load<u64>(x, 8);
        countA += popcnt(load<u64>(a, 8) ^ word);
        countB += popcnt(load<u64>(b, 8) ^ word);
        countC += popcnt(load<u64>(c, 8) ^ word);
        countD += popcnt(load<u64>(d, 8) ^ word);
      }
      for (let rest: i32 = inputs & 127; rest > 0; rest -= 32, x += 4, a += 4, b += 4, c += 4, d += 4) {
        const word: u64 = load<u32>(x);
        const shift: u64 = 32 + max(32 - rest, 0); // bits behind the last are pushed out
        countA += popcnt((load<u32>(a) ^ word) << shift);
        countB += popcnt((load<u32>(b) ^ word) << shift);
        countC += popcnt((load<u32>(c) ^ word) << shift);
        countD += popcnt((load<u32>(d) ^ word) << shift);
      }
      store<i32>(at, inputs - 2 * <i32>countA);
      if (left > 1) store<i32>(at, inputs - 2 * <i32>countB, 4);
      if (left > 2) store<i32>(at, inputs - 2 * <i32>countC, 8);
      if (left > 3) store<i32>(at, inputs - 2 * <i32>countD, 12);
      if (left <= 4) break;
      a = next;
    }
  }
}
