import type { ActivationDtype, Tensor } from "./program.ts";

/** What tells the bytes of a row. */
export type Shape = Pick<Tensor, "dtype" | "height" | "width" | "channels">;

/** Rows begin at multiples of so many bytes, the width of a vector register. */
const ROW_ALIGNMENT = 16;

/** Bytes of an element; those of a position of bits are whole words. */
const ELEMENT_BYTES: Record<Exclude<ActivationDtype, "bit" | "scaled8">, number> = {
  u8: 1,
  i8: 1,
  i16: 2,
  i32: 4,
  f32: 4,
};

/** Positions, and the channels of each; a vector has one position. */
export type Picture = Pick<Tensor, "height" | "width" | "channels">;

/** Positions of a row. */
export function positionCount({ height, width }: Pick<Picture, "height" | "width">): number {
  return height * width;
}

/** Elements of a row. */
export function elementCount(picture: Picture): number {
  return positionCount(picture) * picture.channels;
}

/** Numbers of a row as hosts have them: its elements and, of codes with scales, before those of each position its scale. */
export function numberCount(shape: Shape): number {
  return elementCount(shape) + (shape.dtype === "scaled8" ? positionCount(shape) : 0);
}

export function isSameShape(a: Picture, b: Picture): boolean {
  return a.height === b.height && a.width === b.width && a.channels === b.channels;
}

/** "32 × 32 × 3", and "10" of a vector. */
export function shapeText(picture: Picture): string {
  const { height, width, channels } = picture;
  return positionCount(picture) === 1 ? `${channels}` : `${height} × ${width} × ${channels}`;
}

/** Bytes of a position's elements. */
export function positionBytes({ dtype, channels }: Pick<Shape, "dtype" | "channels">): number {
  if (dtype === "scaled8") return 4 * Math.ceil((4 + channels) / 4);
  return dtype === "bit" ? 4 * Math.ceil(channels / 32) : channels * ELEMENT_BYTES[dtype];
}

/** Bytes of a row's positions, without padding. */
export function elementBytes(shape: Shape): number {
  return positionCount(shape) * positionBytes(shape);
}

/** Bytes from one row to the next. */
export function rowStride(shape: Shape): number {
  return Math.ceil(elementBytes(shape) / ROW_ALIGNMENT) * ROW_ALIGNMENT;
}
