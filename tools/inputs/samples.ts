import { basename } from "node:path";
import { shown } from "../../host/base/printable.ts";
import { InputError, type InputRows, type Program, sampleInputs } from "../../host/index.ts";
import { elementCount as elementsOf, type Picture as Shape } from "../../host/shape.ts";
import { splitRows } from "../../host/verify.ts";
import { readChunks } from "../files/files.ts";
import { nameOf } from "../files/stdio.ts";
import type { Picture } from "../terminal/picture.ts";
import { CHUNK_BYTES } from "./byte_stream.ts";
import type { Elements, InputStream } from "./input.ts";
import { join, openInput, readAll } from "./read.ts";
import { fitRows } from "./rows.ts";
import { elementCount, formatShape } from "./shape.ts";
import { conversionOf, inputText } from "./units.ts";

/** Rows read at a time where all are wanted. */
const PART_ROWS = 1024;

/** Samples for a model, out of a file. */
export interface Samples {
  rows: number;
  /** Rows that the file has, of which `rows` were asked for. */
  total: number;
  /** (rows, channels), as `Session.run` takes them. */
  elements: InputRows;
  /** Shape of a sample: as the file has it, and as the model has it. */
  shapes: number[][];
  /** What the model's input is, where the model knows it as a picture: its elements have the channels last. */
  picture?: Shape;
  /** Where the samples come from and what their elements are to the model. */
  meaning: string;
}

/** Samples that come as they are asked for. */
export interface SampleStream {
  rows: number;
  meaning: string;
  /**
   * The rows in order, once: `count` at a time, and what is left, as one array per input. A file is read to its end, whatever the
   * limit: InputError where it is damaged, which may come behind the last row.
   */
  batches(count: number): Iterable<InputRows[]>;
  close(): void;
}

/** Samples that cover a model's quantizers, the same every time. */
export function seededSamples(program: Program, rows: number): SampleStream {
  const inputs = sampleInputs(program, rows);
  const meaning = `seeded elements: ${program.inputs.map((_, i) => inputText(program, i)).join("; ")}`;
  return { rows, meaning, batches: (count) => splitRows(program, inputs, count), close: () => {} };
}

/** Opens samples for the only input of a model; `conversionOf` says what its elements become. */
export function openSamples(
  path: string,
  program: Program,
  limit = Number.POSITIVE_INFINITY,
): SampleStream & Omit<Samples, "elements"> & { dtype: "u8" | "i8" | "i16" | "f32" } {
  if (program.inputs.length !== 1) {
    throw new InputError(`the model has ${program.inputs.length} inputs, expected 1: a file holds samples for one`);
  }
  const tensor = program.tensors[program.inputs[0]!]!;
  const size = elementsOf(tensor);
  const described = program.description?.inputs[0];
  const shape = described?.shape ?? [size];
  const name = nameOf(path);
  const input = openInput(readChunks(path, CHUNK_BYTES), name);
  try {
    const { rows: total, dtype: found, batches } = fitRows(input, { shape, layout: described?.layout }, name);
    const { convert, dtype, meaning } = conversionOf(input.kind, found, program, name);
    const rows = Math.min(total, limit);
    return {
      rows,
      total,
      dtype,
      meaning: `${shown(basename(path))}: ${meaning}`,
      shapes: described?.layout ? [] : [sampleShape(input, size), shape],
      ...(described?.layout && { picture: tensor }),
      *batches(count) {
        let left = rows * size;
        for (const part of batches(count)) {
          const elements = part.subarray(0, left);
          left -= elements.length;
          if (elements.length > 0) yield [convert(elements)];
        }
      },
      close: () => input.close(),
    };
  } catch (error) {
    input.close();
    throw error;
  }
}

/** Reads all samples at once. */
export function readSamples(path: string, program: Program, limit?: number): Samples {
  const { batches, close, dtype, ...samples } = openSamples(path, program, limit);
  const parts = function* () {
    for (const [elements] of batches(PART_ROWS)) yield elements!;
  };
  try {
    const size = elementsOf(program.tensors[program.inputs[0]!]!);
    return { ...samples, elements: join(parts(), dtype, samples.rows * size, nameOf(path)) };
  } finally {
    close();
  }
}

/** Shape of one sample in a file. */
function sampleShape({ kind, shape }: InputStream, elements: number): number[] {
  const size = shape.reduce((product, length) => product * length, 1);
  if (kind === "png") return shape.slice(0, 2);
  return size === elements ? shape : shape.slice(1);
}

/** A sample as a picture, if it looks like one: two axes or more, grey or three planes of colour. */
export function pictureOf({ rows, elements, shapes, picture }: Samples, row: number): Picture | undefined {
  const size = elements.length / rows;
  const sample = elements.subarray(row * size, (row + 1) * size);
  if (picture && picture.height > 1 && picture.width > 1 && (picture.channels === 1 || picture.channels === 3)) {
    const { height, width, channels } = picture;
    return { height, width, channels, data: toBytes(sample) };
  }
  for (const shape of shapes) {
    const [planes, height = 0, width = 0] = shape.length === 2 ? [1, ...shape] : shape;
    if (shape.length > 3 || height < 2 || width < 2 || (planes !== 1 && planes !== 3)) continue;
    const pixels = height * width;
    if (planes * pixels !== size) continue;
    const bytes = toBytes(sample);
    const data = Uint8Array.from(bytes, (_, i) => bytes[(i % planes) * pixels + Math.floor(i / planes)]!);
    return { width, height, channels: planes, data };
  }
  return undefined;
}

/** Brightness: u8 as it is, other numbers from the least (black) to the greatest (white) of the sample. */
function toBytes(sample: InputRows): Uint8Array {
  if (sample instanceof Uint8Array) return sample;
  const sorted = sample.toSorted();
  const [least, greatest] = [sorted[0]!, sorted.at(-1)!];
  return Uint8Array.from(sample, (x) => Math.round((255 * (x - least)) / (greatest - least || 1)));
}

/** Reads one class per sample: whole numbers from 0 to `classes` − 1. */
export async function readLabels(path: string, rows: number, classes: number): Promise<ArrayLike<number>> {
  const name = nameOf(path);
  const { data } = readWhole(path, ({ dtype, shape }) => {
    if (dtype === "f32") throw new InputError(`${name}: elements are f32, expected whole numbers`);
    if (elementCount(shape) !== rows || shape[0] !== rows) {
      throw new InputError(`${name}: labels of shape ${formatShape(shape)}, expected one for each of ${rows} samples`);
    }
  });
  return checkLabels(data, classes, name);
}

/** The elements of a file, if its head passes a check, before they are read. */
export function readWhole(path: string, check: (head: InputStream) => void): Elements {
  const name = nameOf(path);
  const input = openInput(readChunks(path, CHUNK_BYTES), name);
  try {
    check(input);
    return readAll(input, name);
  } finally {
    input.close();
  }
}

function checkLabels(data: ArrayLike<number> & Iterable<number>, classes: number, path: string): ArrayLike<number> {
  const bad = Array.prototype.findIndex.call(data, (label: number) => label < 0 || label >= classes);
  if (bad >= 0) throw new InputError(`${path}: label ${data[bad]} of sample ${bad}, expected 0 to ${classes - 1}`);
  return data;
}
