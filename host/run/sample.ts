import { checkWhole, kindOf } from "../base/arguments.ts";
import { InputError } from "../base/errors.ts";
import { checkProgram } from "../blob/check_program.ts";
import { fromOrderKey } from "../numbers/order.ts";
import { mulberry32 } from "../numbers/random.ts";
import type { Program } from "../program.ts";
import { elementCount } from "../shape.ts";
import type { InputRows } from "./session.ts";

/**
 * Inputs that cover a model's quantizers, the same for the same seed: the least element everywhere, the greatest everywhere, then
 * random ones over the whole range. For f32, elements at the steps of the quantizer, just below them, and beyond both ends.
 */
export function sampleInputs(program: Program, rows: number, seed = 1): InputRows[] {
  checkProgram(program);
  checkWhole("rows", rows, 0);
  if (!Number.isFinite(seed)) throw new InputError(`seed: found ${kindOf(seed)}, expected a number`);
  const next = mulberry32(seed);
  return program.inputs.map((index) => {
    const tensor = program.tensors[index]!;
    const { dtype, channels } = tensor;
    const count = elementCount(tensor);
    const pick = (row: number, min: number, max: number) =>
      row === 0 ? min : row === 1 ? max : min + Math.floor(next() * (max - min + 1));
    const fill = (min: number, max: number) => (_: unknown, i: number) => pick(Math.floor(i / count), min, max);
    const length = rows * count;
    switch (dtype) {
      case "u8":
        return Uint8Array.from({ length }, fill(0, 255));
      case "i16":
        return Int16Array.from({ length }, fill(-32768, 32767));
      case "f32": {
        const edges = floatEdges(program, index);
        return Float32Array.from({ length }, (_, i) => {
          const own = edges[edges.length === 1 ? 0 : i % channels]!;
          return own[pick(Math.floor(i / count), 0, own.length - 1)]!;
        });
      }
      default:
        return Int8Array.from({ length }, fill(-128, 127));
    }
  });
}

/** Numbers for an input that has no quantizer: from −3 to 3. */
const REAL = Array.from({ length: 67 }, (_, i) => Math.fround((i - 33) / 11));

/** For each channel (or for all): the floats at which the code of an f32 input changes, and their lower neighbours, ascending. */
function floatEdges(program: Program, input: number): number[][] {
  const op = program.ops.find((each) => each.kind === "quantize" && each.inputs[0] === input);
  if (op?.kind !== "quantize" || op.post.kind !== "thresholds") return [REAL];
  const { records, count, steps } = op.post;
  return Array.from({ length: records }, (_, record) => {
    const keys = steps.subarray(record * count, (record + 1) * count);
    const floats = Array.from(keys).flatMap((key) => [fromOrderKey(key - 1), fromOrderKey(key)]);
    const finite = floats.filter(Number.isFinite).sort((a, b) => a - b);
    const [least = -1, greatest = 1] = [finite[0], finite.at(-1)];
    return [
      Math.fround(Math.min(least * 2, least / 2) - 1),
      ...finite,
      Math.fround(Math.max(greatest * 2, greatest / 2) + 1),
    ].filter(Number.isFinite);
  });
}
