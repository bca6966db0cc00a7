import { InputError } from "../../host/base/errors.ts";
import type { Elements, InputStream } from "./input.ts";
import { luma } from "./luma.ts";
import { readAll } from "./read.ts";
import { elementCount, formatShape } from "./shape.ts";

/** Samples for a model: `rows` rows of its input's shape. */
export interface RowStream {
  rows: number;
  dtype: Elements["dtype"];
  /** All rows in order, once: `count` at a time, and what is left. Throws as `InputStream.parts` does. */
  batches(count: number): Iterable<Elements["data"]>;
}

/**
 * Fits an input to a model that takes `shape` per row, without a batch axis: [1, 28, 28]. An array is one sample, or has
 * the batch in its first axis; axes of size 1 may be missing, and [784] stands for [1, 28, 28]. A picture becomes
 * grey or three planes, as the model has it. `name` is what errors call the input.
 */
export function fitRows(input: InputStream, shape: readonly number[], name: string): RowStream {
  if (input.kind === "png") {
    checkPicture(input.shape, shape, name);
    return { rows: 1, dtype: "u8", batches: () => [fitPicture(input.shape, readAll(input, name).data, shape)] };
  }
  const rows = countRows(input.shape, shape, name);
  return { rows, dtype: input.dtype, batches: (count) => input.parts(count * elementCount(shape)) };
}

function countRows(found: readonly number[], shape: readonly number[], name: string): number {
  if (matches(found, shape)) return 1;
  if (found.length > 0 && found[0]! > 0 && matches(found.slice(1), shape)) return found[0]!;
  const expected = `${formatShape(shape)} or [rows, ${shape.join(", ")}]`;
  throw new InputError(`${name}: shape ${formatShape(found)}, expected ${expected} with at least one row`);
}

/** Equal but for axes of size 1, or equal in number where one of the two is flat. */
function matches(found: readonly number[], shape: readonly number[]): boolean {
  const [a, b] = [found.filter((size) => size !== 1), shape.filter((size) => size !== 1)];
  if (a.length === 1 || b.length === 1) return elementCount(a) === elementCount(b);
  return formatShape(a) === formatShape(b);
}

/** Throws InputError for a picture that does not fit, before its pixels are decoded. */
function checkPicture(found: readonly number[], shape: readonly number[], name: string): void {
  const [height, width, channels] = found as [number, number, 3?];
  if (isPlanes(shape, height, width) || matches([height, width], shape)) return;
  const picture = `${channels ? "colour" : "grey"} picture of height ${height} and width ${width}`;
  throw new InputError(`${name}: ${picture}, expected input of shape ${formatShape(shape)}`);
}

function isPlanes(shape: readonly number[], height: number, width: number): boolean {
  return formatShape(shape) === formatShape([3, height, width]);
}

/** Grey for [height, width], [1, height, width] or that many in one axis; planes of red, green, blue for [3, height, width]. */
function fitPicture(found: readonly number[], data: ArrayLike<number>, shape: readonly number[]): Uint8Array {
  const [height, width, channels] = found as [number, number, 3?];
  const pixels = height * width;
  const sample = (pixel: number, channel: number) => data[channels ? 3 * pixel + channel : pixel]!;
  if (isPlanes(shape, height, width))
    return Uint8Array.from({ length: 3 * pixels }, (_, i) => sample(i % pixels, Math.floor(i / pixels)));
  return Uint8Array.from({ length: pixels }, (_, i) => luma(sample(i, 0), sample(i, 1), sample(i, 2)));
}
