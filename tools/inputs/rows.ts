import { InputError } from "../../host/errors.ts";
import type { Elements, Input } from "./input.ts";
import { luma } from "./luma.ts";
import { elementCount, formatShape } from "./shape.ts";

/** Samples for a model: `rows` rows of its input's shape. */
export type Rows = { rows: number } & Elements;

/**
 * Fits an input to a model that takes `shape` per row, without a batch axis: [1, 28, 28]. An array is one sample, or has
 * the batch in its first axis; axes of size 1 may be missing, and [784] stands for [1, 28, 28]. A picture becomes
 * grey or three planes, as the model has it. `name` is what errors call the input.
 */
export function fitRows(input: Input, shape: readonly number[], name: string): Rows {
  if (input.kind === "png") return { rows: 1, dtype: "u8", data: fitPicture(input, shape, name) };
  const { kind: _, shape: found, ...elements } = input;
  if (matches(found, shape)) return { rows: 1, ...elements };
  if (found.length > 0 && found[0]! > 0 && matches(found.slice(1), shape)) return { rows: found[0]!, ...elements };
  const expected = `${formatShape(shape)} or [rows, ${shape.join(", ")}]`;
  throw new InputError(`${name}: shape ${formatShape(found)}, expected ${expected} with at least one row`);
}

/** Equal but for axes of size 1, or equal in number where one of the two is flat. */
function matches(found: readonly number[], shape: readonly number[]): boolean {
  const [a, b] = [found.filter((size) => size !== 1), shape.filter((size) => size !== 1)];
  if (a.length === 1 || b.length === 1) return elementCount(a) === elementCount(b);
  return formatShape(a) === formatShape(b);
}

/** Grey for [height, width], [1, height, width] or that many in one axis; planes of red, green, blue for [3, height, width]. */
function fitPicture(picture: Input, shape: readonly number[], name: string): Uint8Array {
  const [height, width, channels] = picture.shape as [number, number, 3?];
  const pixels = height * width;
  const planes = formatShape(shape) === formatShape([3, height, width]);
  if (!planes && !matches([height, width], shape)) {
    const found = `${channels ? "colour" : "grey"} picture of height ${height} and width ${width}`;
    throw new InputError(`${name}: ${found}, expected input of shape ${formatShape(shape)}`);
  }
  const sample = (pixel: number, channel: number) => picture.data[channels ? 3 * pixel + channel : pixel]!;
  if (planes) return Uint8Array.from({ length: 3 * pixels }, (_, i) => sample(i % pixels, Math.floor(i / pixels)));
  return Uint8Array.from({ length: pixels }, (_, i) => luma(sample(i, 0), sample(i, 1), sample(i, 2)));
}
