import type { Picture } from "../../shape.ts";
import { elements } from "../tensor.ts";

/** What an axis of a file's tensor is to a picture: its channels, rows or columns. */
export type Axis = "c" | "h" | "w";

/** A row of data that is a picture; in the graph, its channels come last. */
export interface Pictured extends Picture {
  /** Its axes in the order of the file. Pictures of one line may lack an axis. */
  axes: readonly Axis[];
  /** Whether the file has them as one axis, in the same order. */
  flat: boolean;
}

/** Orders of axes by how many there are, channels first, then channels last. */
const ORDERS: Record<number, Axis[][]> = {
  2: [
    ["c", "w"],
    ["w", "c"],
  ],
  3: [
    ["c", "h", "w"],
    ["h", "w", "c"],
  ],
};

/** A row of these sizes as a picture, channels first or last; undefined where it has not two or three axes. */
export function pictureOf(row: readonly number[], channelsLast = false): Pictured | undefined {
  const axes = ORDERS[row.length]?.[channelsLast ? 1 : 0];
  return axes && withAxes(row, axes);
}

function withAxes(row: readonly number[], axes: readonly Axis[]): Pictured {
  const size = (axis: Axis) => row[axes.indexOf(axis)] ?? 1;
  return { height: size("h"), width: size("w"), channels: size("c"), axes, flat: false };
}

/** The sizes of a picture's axes in the order of the file. */
export function rowOf({ height, width, channels, axes }: Pictured): number[] {
  const sizes = { h: height, w: width, c: channels };
  return axes.map((axis) => sizes[axis]);
}

/**
 * A picture whose file gives it another shape with the elements in the same order: still a picture, flat, or (one position) no longer one; "moved"
 * where axes would be cut or merged in part.
 */
export function reshapedPicture(picture: Pictured, row: readonly number[]): Pictured | undefined | "moved" {
  const { height, width, axes } = picture;
  if (height * width === 1) return pictureOf(row)?.channels === picture.channels ? pictureOf(row) : undefined;
  if (squeezed(row).length === 1 && row.length === 1) return { ...picture, flat: true };
  const order = (each: readonly Axis[], sizes: readonly number[]) => each.filter((_, i) => sizes[i] !== 1).join("");
  const own = order(axes, rowOf(picture));
  const found = (ORDERS[row.length] ?? [])
    .map((each) => withAxes(row, each))
    .find((other) => {
      const isSame = other.height * other.width === height * width && other.channels === picture.channels;
      const keepsLines = other.height === height || height === 1 || other.height === 1;
      return isSame && keepsLines && order(other.axes, row) === own;
    });
  return found ?? "moved";
}

/** Sizes other than 1. */
function squeezed(row: readonly number[]): number[] {
  return row.filter((size) => size !== 1);
}

/** A picture with its axes in another order: no element moves, since the graph's own order is fixed. */
export function transposedPicture(picture: Pictured, order: readonly number[]): Pictured {
  return { ...picture, axes: order.map((axis) => picture.axes[axis]!) };
}

/** For every element in the order of the graph (row, column, channel), its place in the order of the file. */
export function placesOf(picture: Pictured): Int32Array {
  const row = rowOf(picture);
  const stride = (axis: Axis) => {
    const at = picture.axes.indexOf(axis);
    return at < 0 ? 0 : elements(row.slice(at + 1));
  };
  const [ofY, ofX, ofC] = [stride("h"), stride("w"), stride("c")];
  const { height, width, channels } = picture;
  return Int32Array.from({ length: height * width * channels }, (_, i) => {
    const position = Math.floor(i / channels);
    return Math.floor(position / width) * ofY + (position % width) * ofX + (i % channels) * ofC;
  });
}

/** Of a vector with an entry for every element in the order of the file, those of each channel; undefined where one is not the same at every position. */
export function perChannel(vector: Float64Array, picture: Pictured): Float64Array | undefined {
  const { channels } = picture;
  const places = placesOf(picture);
  const found = Float64Array.from({ length: channels }, (_, c) => vector[places[c]!]!);
  return places.every((place, i) => Object.is(vector[place], found[i % channels])) ? found : undefined;
}
