import type { ArgmaxOp } from "../program.ts";

/** Index of the greatest score of one row, the first among equals. Scores wrap to 64 bits. */
export function argmax(scores: ArgmaxOp["scores"], acc: Int32Array): number {
  const score = (m: number) =>
    scores ? BigInt.asIntN(64, BigInt(acc[m]!) * BigInt(scores.multiplier[m]!) + scores.offset[m]!) : BigInt(acc[m]!);
  let best = 0;
  for (let m = 1; m < acc.length; m++) if (score(m) > score(best)) best = m;
  return best;
}
