import { EngineError } from "../base/errors.ts";
import { missingPackings } from "../blob/features.ts";
import { HEADER } from "../blob/layout.ts";
import { readBlob } from "../blob/read.ts";
import type { Engine } from "../engines/engine.ts";
import { inComment } from "../firmware/make/comment.ts";
import { checkOps, moduleFeatures, planScratch } from "../run/backend.ts";
import { elementBytes } from "../shape.ts";

/** RAM that a model takes on a device, in bytes, in the order in which it lies there: its weights are streamed. */
export interface ModelMemory {
  /** What the module keeps for itself. */
  tables: number;
  head: number;
  arena: number;
  /** The largest tile is in it. */
  scratch: number;
  /** What the runtime wants beside all that: runtime_extra_bytes of runtimes/runtime.h. */
  runtime: number;
  /** All of it. */
  bytes: number;
}

/** Of the runtime that firmware has if nothing is said: wasm2c. */
const EXTRA_BYTES = 64;

/** What `tern_open` takes for `rows` rows. Throws EngineError of kind "packing" for an op or a packing that the module was not built for. */
export async function modelMemory(
  blob: Uint8Array,
  module: Uint8Array,
  engine: Engine,
  rows = 1,
  runtime = EXTRA_BYTES,
): Promise<ModelMemory> {
  const program = readBlob(blob);
  const { features, ownBytes } = await moduleFeatures(module, engine);
  checkOps(program, features);
  const [missing] = missingPackings(program, features.packings);
  if (missing) {
    const advice = "`npx littletern repack --for any` makes a blob for it";
    throw new EngineError("packing", `the module was not built for packing ${missing}; ${advice}`);
  }
  const head = new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.headBytes, true);
  const arena = program.arena.fixed + program.arena.perRow * rows;
  const scratch = await planScratch({ module, blob, engine, weights: "streaming", maxRows: rows });
  const tables = (ownBytes + 15) & ~15;
  const bytes = tables + head + arena + scratch + runtime;
  return { tables, head, arena, scratch, runtime, bytes };
}

/** A C header with the sizes of a model, for firmware that has it in flash, with a runtime that wants `runtime` bytes. */
export async function modelHeader(
  blob: Uint8Array,
  module: Uint8Array,
  engine: Engine,
  runtime: number,
): Promise<string> {
  const { tensors, inputs, outputs, description } = readBlob(blob);
  const { bytes } = await modelMemory(blob, module, engine, 1, runtime);
  const ends = [
    ...inputs.map((tensor, i) => [`INPUT_${i}`, tensor] as const),
    ...outputs.map((tensor, i) => [`OUTPUT_${i}`, tensor] as const),
  ];
  const lines = ends.map(([name, tensor]) => {
    const { dtype, channels } = tensors[tensor]!;
    return `#define TERN_MODEL_${name}_BYTES ${elementBytes(tensors[tensor]!)} /* of a row: ${channels} × ${dtype} */`;
  });
  return `/* Sizes of ${description ? inComment(description.name) : "a model"}, for one row at a time. */
#ifndef TERN_MODEL_H
#define TERN_MODEL_H

#define TERN_MODEL_BLOB_BYTES ${blob.length} /* flash */
#define TERN_MODEL_MEMORY_BYTES ${bytes} /* RAM that tern_open takes */
${lines.join("\n")}

#endif
`;
}
