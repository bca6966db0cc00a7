import type { PackingName, Program } from "../program.ts";
import { OP_FEATURE, OP_KIND, PACKING, POST, POST_BIT } from "./layout.ts";
import { packingOf } from "./pack/pack.ts";
import { recordsOf } from "./tiles.ts";

/** The header's feature words: exactly the bits that a program needs (FORMAT.md, "Features"). */
export function featuresOf(program: Program): { op: number; data: number } {
  let op = 0;
  let data = 0;
  for (const { dtype } of program.tensors) {
    if (dtype === "bit") op |= 1 << OP_FEATURE.bitTensor;
    if (dtype === "i8") op |= 1 << OP_FEATURE.i8Tensor;
    if (dtype === "i16" || dtype === "f32") op |= 1 << OP_FEATURE.wideInput;
  }
  for (const each of program.ops) {
    op |= 1 << OP_KIND[each.kind];
    data |= 1 << (POST_BIT + POST[recordsOf(each).post]);
    if (each.kind === "dense") data |= 1 << PACKING[packingOf(each).name];
    if (each.kind === "quantize" && program.tensors[each.input]!.dtype === "i32") op |= 1 << OP_FEATURE.wideInput;
  }
  return { op: op >>> 0, data: data >>> 0 };
}

/** Packings of a program that a module with dataFeatures `data` was not built for. */
export function missingPackings(program: Program, data: number): PackingName[] {
  const names = program.ops.flatMap((op) => (op.kind === "dense" ? [packingOf(op).name] : []));
  return [...new Set(names)].filter((name) => !hasPacking(data, name));
}

/** Whether dataFeatures have the bit of a packing. */
export function hasPacking(data: number, packing: PackingName): boolean {
  return ((data >>> PACKING[packing]) & 1) === 1;
}

/** Whether a program multiplies binary weights by codes, not by bits alone. */
export function hasBinaryOfCodes({ tensors, ops }: Program): boolean {
  return ops.some((op) => op.kind === "dense" && op.dtype === "binary" && tensors[op.input]!.dtype !== "bit");
}
