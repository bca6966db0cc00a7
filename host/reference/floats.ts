import { fromOrderKey, orderKey } from "../numbers/order.ts";
import type { FloatPost } from "../program.ts";

/** The floats of an f32 tensor, whose elements the reference holds as order keys. */
export function floatsOf(keys: Int32Array): Float32Array {
  return Float32Array.from(keys, fromOrderKey);
}

/** Stores floats, each made to f32, and then by a post, if there is one; `channels` to a position. */
export function storeFloats(output: Int32Array, channels: number, floats: ArrayLike<number>, post?: FloatPost): void {
  for (let i = 0; i < output.length; i++) {
    const x = Math.fround(floats[i]!);
    output[i] = orderKey(post ? floatOf(post, i % channels, x) : x);
  }
}

/** y = x · scale + bias; `by` is what the scale is multiplied by before. */
export function floatOf({ records, scale, bias }: FloatPost, channel: number, x: number, by = 1): number {
  const record = records === 1 ? 0 : channel;
  return Math.fround(Math.fround(x * Math.fround(by * scale[record]!)) + bias[record]!);
}
