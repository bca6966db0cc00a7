import { checkBytes, checkEngine } from "../base/arguments.ts";
import { missingPackings } from "../blob/features.ts";
import { packingOf } from "../blob/pack/pack.ts";
import { readBlob } from "../blob/read.ts";
import { tilingOf, weightCount } from "../blob/tiles.ts";
import { headBytesOf } from "../blob/write.ts";
import type { Engine } from "../engines/engine.ts";
import { hasFloats, isWeighted, type Post, type Program } from "../program.ts";
import { moduleFeatures, planScratch } from "../run/backend.ts";
import type { WorkOptions } from "../run/session.ts";
import { rowsWithin, rowWork } from "../run/work.ts";
import { positionCount, shapeText } from "../shape.ts";

/** One op of a blob, for people. */
export interface Layer {
  /** Name of the checkpoint's node; empty if the blob has no description. */
  name: string;
  op: string;
  /** Channels and dtypes of inputs and output: "784 × u8"; of several, "2 × 784 × u8" where they are alike, else "784 × u8, 784 × i8". */
  input: string;
  output: string;
  /** Weights: dtype, packing, bits of one and bytes of all in the blob, multiply-accumulates of one row. "" and 0 for ops without. */
  weights: string;
  packing: string;
  weightBits: number;
  weightBytes: number;
  macs: number;
  /** Thresholds of a channel, or how codes are made otherwise: "3 thresholds", "multiplier, half-even", "lookup", "". */
  post: string;
  /** Bytes in the blob. */
  bytes: number;
}

/** What the module needs, in bytes, to run `rows` rows. A board's own module and runtime need more: fit.ts. */
export interface Memory {
  rows: number;
  /** Weights in place: flash holds the blob, RAM arena and scratch. */
  resident: { flash: number; ram: number };
  /** Weights streamed: RAM holds the head and a tile as well. */
  streaming: { flash: number; ram: number };
}

export interface Inspection {
  program: Program;
  blobBytes: number;
  headBytes: number;
  arena: { fixed: number; perRow: number };
  layers: Layer[];
  macs: number;
  /** Operations of one row, as `load` limits them (work.ts). */
  operations: number;
  memory: Memory[];
}

/**
 * Describes a blob; the module in `engine` tells the scratch memory that it needs. Throws BlobError, and EngineError of kind "fuel" for a model that takes
 * more work than is allowed. `memory` is empty where the module
 * was not built for the blob's packings.
 */
export async function inspect(
  blob: Uint8Array,
  module: Uint8Array,
  engine: Engine,
  { maxOperations }: WorkOptions = {},
): Promise<Inspection> {
  checkBytes("module", module);
  checkEngine(engine);
  const program = readBlob(blob);
  rowsWithin(program, maxOperations);
  const parts = 1 + (program.description ? 1 : 0) + (program.selfTest ? 1 : 0);
  const headBytes = headBytesOf(program, parts);
  const layers = program.ops.map((_, i) => layerOf(program, i));
  const memory: Memory[] = [];
  const { features } = await moduleFeatures(module, engine);
  const rowCounts = missingPackings(program, features.packings).length === 0 ? new Set([1, program.maxRows]) : [];
  for (const rows of rowCounts) {
    const arena = program.arena.fixed + program.arena.perRow * rows;
    const scratch = async (weights: "resident" | "streaming") =>
      planScratch({ module, blob, engine, weights, maxRows: rows });
    memory.push({
      rows,
      resident: { flash: blob.length, ram: arena + (await scratch("resident")) },
      streaming: { flash: blob.length, ram: headBytes + arena + (await scratch("streaming")) },
    });
  }
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  return {
    program,
    blobBytes: blob.length,
    headBytes,
    arena: program.arena,
    layers,
    macs,
    operations: rowWork(program),
    memory,
  };
}

function layerOf(program: Program, index: number): Layer {
  const op = program.ops[index]!;
  const shapeOf = (tensor: number) => `${shapeText(program.tensors[tensor]!)} × ${program.tensors[tensor]!.dtype}`;
  const [input, ...others] = op.inputs.map(shapeOf);
  const isAlike = others.every((other) => other === input);
  const tiling = tilingOf(program, op);
  const { channels, spanChannels, groupBytes, groupChannels, tiles, tileBytes } = tiling;
  const [dtype, packing] = isWeighted(op) ? [op.dtype, packingOf(op).name] : hasFloats(op) ? ["f32", "f32"] : ["", ""];
  const weights = channels * weightCount(tiling);
  const packedBytes = (channels / spanChannels) * Math.ceil(spanChannels / groupChannels) * groupBytes;
  return {
    name: program.description?.ops[index]?.node ?? "",
    op: op.kind,
    input: isAlike && others.length > 0 ? `${op.inputs.length} × ${input}` : [input, ...others].join(", "),
    output: shapeOf(op.output),
    weights: dtype,
    packing,
    weightBits: packing ? (8 * packedBytes) / weights : 0,
    weightBytes: packing ? packedBytes : 0,
    macs: op.kind === "positions" ? 0 : weights * positionCount(program.tensors[op.output]!),
    post: op.post ? postText(op.post) : "",
    bytes: tiles * tileBytes,
  };
}

function postText(post: Post): string {
  switch (post.kind) {
    case "thresholds":
      return `${post.count} threshold${post.count === 1 ? "" : "s"}`;
    case "requantize":
      return `multiplier, ${post.rounding}`;
    case "lookup":
    case "plane":
    case "scores":
    case "float":
      return post.kind;
  }
}
