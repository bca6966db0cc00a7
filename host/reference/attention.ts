import { sum } from "../numbers/f32.ts";
import type { AttentionOp } from "../program.ts";
import type { Picture } from "../shape.ts";
import { floatsOf, storeFloats } from "./floats.ts";
import { softmaxOf } from "./softmax.ts";

/** Σ_t softmax_t(q · k[t] · scale) · v[t] for every position and head of one row. */
export function attention(
  { heads, keyHeads, scale }: AttentionOp,
  [queries, keys, values]: readonly Int32Array[],
  output: Int32Array,
  _: readonly Picture[],
  { height, width, channels }: Picture,
): void {
  const [q, k, v] = [floatsOf(queries!), floatsOf(keys!), floatsOf(values!)];
  const [positions, size] = [height * width, channels / heads];
  const floats = new Float32Array(output.length);
  const weights = new Float32Array(positions);
  for (let position = 0; position < positions; position++) {
    for (let head = 0; head < heads; head++) {
      const query = position * channels + head * size;
      const own = Math.floor((head * keyHeads) / heads) * size;
      const key = (t: number) => t * keyHeads * size + own; // of values, too
      for (let t = 0; t < positions; t++) {
        weights[t] = sum(size, (c) => Math.fround(q[query + c]! * k[key(t) + c]!)) * scale;
      }
      softmaxOf(weights);
      for (let c = 0; c < size; c++) {
        floats[query + c] = sum(positions, (t) => Math.fround(weights[t]! * v[key(t) + c]!));
      }
    }
  }
  storeFloats(output, channels, floats);
}
