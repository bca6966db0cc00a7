import { InputError } from "../../host/base/errors.ts";
import type { Layout } from "../../host/program.ts";
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

/** What a model takes per row, without a batch axis: [1, 28, 28]; and how that is a picture, if it is one (`InputDescription`). */
export interface RowShape {
  shape: readonly number[];
  layout?: Layout | undefined;
}

/**
 * Fits an input to a model. An array is one sample, or has the batch in its first axis; axes of size 1 may be missing, and [784] stands
 * for [1, 28, 28]. A picture becomes grey or three planes, as the model has it. Where the model knows its input as a picture, an array may have
 * the channels first or last, and rows have them last. `name` is what errors call the input.
 */
export function fitRows(input: InputStream, { shape, layout }: RowShape, name: string): RowStream {
  if (layout) return fitPictures(input, pictureShape(shape, layout), name);
  if (input.kind === "png") {
    checkPicture(input.shape, shape, name);
    return { rows: 1, dtype: "u8", batches: () => [fitPicture(input.shape, readAll(input, name).data, shape)] };
  }
  const rows = countRows(input.shape, shape, name);
  return { rows, dtype: input.dtype, batches: (count) => input.parts(count * elementCount(shape)) };
}

/** Height, width and channels of a shape of two or three axes. */
function pictureShape(shape: readonly number[], layout: Layout): Layouts {
  const three = shape.length > 2 ? shape : layout === "chw" ? [shape[0]!, 1, shape[1]!] : [1, ...shape];
  const [a, b, c] = three as [number, number, number];
  const hwc: Sizes = layout === "chw" ? [b, c, a] : [a, b, c];
  return { hwc, chw: [hwc[2], hwc[0], hwc[1]], usual: layout };
}

type Sizes = [number, number, number];

/** The same picture with its channels last and first, and which of both the checkpoint has. */
interface Layouts extends Record<Layout, Sizes> {
  usual: Layout;
}

function fitPictures(input: InputStream, layouts: Layouts, name: string): RowStream {
  const { usual, hwc, chw } = layouts;
  const [height, width, channels] = hwc;
  const size = elementCount(hwc);
  if (input.kind === "png") {
    const own = channels === 1 ? [height, width] : chw;
    checkPicture(input.shape, own, name);
    const pixels = () => fitPicture(input.shape, readAll(input, name).data, own);
    return { rows: 1, dtype: "u8", batches: () => [channels === 3 ? channelsLast(pixels(), hwc) : pixels()] };
  }
  const other = usual === "chw" ? "hwc" : "chw";
  const isOther = !fits(input.shape, layouts[usual]) && fits(input.shape, layouts[other]);
  const rows = countRows(input.shape, layouts[isOther ? other : usual], name);
  const isPlanar = (isOther ? other : usual) === "chw" && channels > 1 && height * width > 1;
  return {
    rows,
    dtype: input.dtype,
    *batches(count) {
      for (const part of input.parts(count * size)) yield isPlanar ? channelsLast(part, hwc) : part;
    },
  };
}

/** Whole rows of [channels, height, width] as rows of [height, width, channels]. */
function channelsLast<A extends Elements["data"]>(rows: A, [height, width, channels]: Sizes): A {
  const [positions, size] = [height * width, height * width * channels];
  return rows.map((_, i) => {
    const element = i % size;
    return rows[i - element + (element % channels) * positions + Math.floor(element / channels)]!;
  }) as A;
}

function fits(found: readonly number[], shape: readonly number[]): boolean {
  return matches(found, shape) || (found.length > 0 && found[0]! > 0 && matches(found.slice(1), shape));
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
