import { InputError, type InputRows, type Program } from "../host/index.ts";
import { readFile } from "./files.ts";
import type { Input } from "./inputs/input.ts";
import { readInput } from "./inputs/read.ts";
import { fitRows } from "./inputs/rows.ts";
import { formatShape } from "./inputs/shape.ts";
import type { Picture } from "./terminal/picture.ts";

/** Samples for a model, out of a file. */
export interface Samples {
  rows: number;
  /** (rows, channels), as `Session.run` takes them. */
  elements: InputRows;
  /** Shape of a sample: as the file has it, and as the model has it. */
  shapes: number[][];
}

/** Reads samples for the only input of a model. u8 samples for an input of real numbers are pictures, and stand for value / 255. */
export async function readSamples(path: string, program: Program, limit = Number.POSITIVE_INFINITY): Promise<Samples> {
  if (program.inputs.length !== 1) {
    throw new InputError(`the model has ${program.inputs.length} inputs, expected 1: a file holds samples for one`);
  }
  const { dtype, channels } = program.tensors[program.inputs[0]!]!;
  const shape = program.description?.inputs[0]?.shape ?? [channels];
  const input = readInput(await readFile(path), path);
  const { rows: found, ...fitted } = fitRows(input, shape, path);
  const rows = Math.min(found, limit);
  const shapes = [sampleShape(input, channels), shape];
  if (fitted.dtype === "i32") throw new InputError(`${path}: elements are i32, expected ${dtype}`);
  const elements = fitted.data.subarray(0, rows * channels);
  const isPicture = fitted.dtype === "u8" && dtype === "f32";
  return { rows, shapes, elements: isPicture ? Float32Array.from(elements, (value) => value / 255) : elements };
}

/** Shape of one sample in a file. */
function sampleShape({ kind, shape }: Input, channels: number): number[] {
  const size = shape.reduce((product, length) => product * length, 1);
  if (kind === "png") return shape.slice(0, 2);
  return size === channels ? shape : shape.slice(1);
}

/** A sample as a picture, if it looks like one: two axes or more, grey or three planes of colour. */
export function pictureOf({ rows, elements, shapes }: Samples, row: number): Picture | undefined {
  const channels = elements.length / rows;
  for (const shape of shapes) {
    const [planes, height = 0, width = 0] = shape.length === 2 ? [1, ...shape] : shape;
    if (shape.length > 3 || height < 2 || width < 2 || (planes !== 1 && planes !== 3)) continue;
    const pixels = height * width;
    if (planes * pixels !== channels) continue;
    const bytes = toBytes(elements.subarray(row * channels, (row + 1) * channels));
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
  const { dtype, shape, data } = readInput(await readFile(path), path);
  if (dtype === "f32") throw new InputError(`${path}: elements are f32, expected whole numbers`);
  if (data.length !== rows || shape[0] !== rows) {
    throw new InputError(`${path}: labels of shape ${formatShape(shape)}, expected one for each of ${rows} samples`);
  }
  const bad = data.findIndex((label) => label < 0 || label >= classes);
  if (bad >= 0) throw new InputError(`${path}: label ${data[bad]} of sample ${bad}, expected 0 to ${classes - 1}`);
  return data;
}
