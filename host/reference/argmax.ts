import type { ArgmaxOp } from "../program.ts";

/** output[0] = index of the greatest score of one row, the first among equals. Scores wrap to 64 bits. */
export function argmax({ post }: ArgmaxOp, [input]: readonly Int32Array[], output: Int32Array): void {
  const score = (m: number) => {
    const acc = BigInt(input![m]!);
    return post ? BigInt.asIntN(64, acc * BigInt(post.multiplier[m]!) + post.offset[m]!) : acc;
  };
  let best = 0;
  for (let m = 1; m < input!.length; m++) if (score(m) > score(best)) best = m;
  output[0] = best;
}
