import { hasFloats, isWeighted, type PackingName, type Program } from "../program.ts";
import { positionCount } from "../shape.ts";
import { ACTIVATION, HEADER, OP_KIND, PACKING, PICTURES, POST, QUANTIZES_I32 } from "./layout.ts";
import { packingOf } from "./pack/pack.ts";

/** What a program needs, or a module can do: a word for each of FORMAT.md's tables, in the order of the header. */
export interface Features {
  ops: number;
  packings: number;
  posts: number;
  dtypes: number;
}

/** Exactly the bits that a program needs (FORMAT.md, "Features"). */
export function featuresOf({ tensors, ops }: Program): Features {
  const quantizesI32 = ops.some((op) => op.kind === "quantize" && tensors[op.inputs[0]!]!.dtype === "i32");
  return {
    ops: word(ops.map(({ kind }) => OP_KIND[kind])),
    packings: word([
      ...ops.filter(isWeighted).map((op) => PACKING[packingOf(op).name]),
      ...(ops.some(hasFloats) ? [PACKING.f32] : []),
    ]),
    posts: word(ops.map(({ post }) => POST[post?.kind ?? "none"])),
    dtypes: word([
      ...tensors.map(({ dtype }) => ACTIVATION[dtype]),
      ...(quantizesI32 ? [QUANTIZES_I32] : []),
      ...(tensors.some((tensor) => positionCount(tensor) > 1) ? [PICTURES] : []),
    ]),
  };
}

/** Whether a blob, by the words of its header, needs what `features` lack. */
export function needsMore(blob: Uint8Array, features: Features): boolean {
  const header = new DataView(blob.buffer, blob.byteOffset);
  const words = Object.entries(features) as [keyof Features, number][];
  return words.some(([name, has]) => (header.getUint32(HEADER[name], true) & ~has) !== 0);
}

/** Whether a blob, by its header, has ops of a kind that `features` lack. */
export function lacksOps(blob: Uint8Array, { ops }: Pick<Features, "ops">): boolean {
  return (new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.ops, true) & ~ops) !== 0;
}

function word(bits: readonly number[]): number {
  return bits.reduce((word, bit) => word | (1 << bit), 0) >>> 0;
}

/** Packings of a program that a module was not built for; `packings` is its word of them. */
export function missingPackings(program: Program, packings: number): PackingName[] {
  const names = program.ops.filter(isWeighted).map((op) => packingOf(op).name);
  return [...new Set(names)].filter((name) => !hasPacking(packings, name));
}

/** Whether a word of packings has the bit of one. */
export function hasPacking(packings: number, packing: PackingName): boolean {
  return ((packings >>> PACKING[packing]) & 1) === 1;
}

/** Whether a program multiplies binary weights by codes, not by bits alone. */
export function hasBinaryOfCodes({ tensors, ops }: Program): boolean {
  return ops.some((op) => isWeighted(op) && op.dtype === "binary" && tensors[op.inputs[0]!]!.dtype !== "bit");
}
