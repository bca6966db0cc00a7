import type { Thresholds } from "../program.ts";

/** Code of an integer: the base, one more for each rising step reached, one less for each falling one. */
export function thresholds(post: Thresholds, channel: number, x: number): number {
  const record = post.records === 1 ? 0 : channel;
  let code = post.base[record]!;
  for (let j = 0; j < post.count; j++) {
    if (x >= post.steps[record * post.count + j]!) code += j < post.ups[record]! ? 1 : -1;
  }
  return code;
}
