import type { Tensor } from "../program.ts";
import { ACTIVATION, align16 } from "./layout.ts";

/** What tells the bytes of a row. */
export type Shape = Pick<Tensor, "dtype" | "height" | "width" | "channels">;

/** Bytes of a position's elements: for bits, whole words. */
export function positionBytes({ dtype, channels }: Pick<Shape, "dtype" | "channels">): number {
  return dtype === "bit" ? 4 * Math.ceil(channels / 32) : channels * 2 ** ((ACTIVATION[dtype] >> 1) - 3);
}

/** Bytes of a row's positions, without padding. */
export function elementBytes(shape: Shape): number {
  return shape.height * shape.width * positionBytes(shape);
}

/** Bytes from one row to the next. */
export function rowStride(shape: Shape): number {
  return align16(elementBytes(shape));
}
