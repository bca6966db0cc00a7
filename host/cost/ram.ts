import { InputError } from "../base/errors.ts";
import { gathered } from "../blob/ops/conv2d.ts";
import { writeBlob } from "../blob/write.ts";
import type { Engine } from "../engines/engine.ts";
import type { Conv2dOp, Op, Program } from "../program.ts";
import { planScratch } from "../run/backend.ts";
import { type ModelMemory, modelMemory } from "./fit.ts";

/** RAM that a model may take on a device, and who tells how much it takes. */
export interface RamBudget {
  /** Bytes that `tern_open` may take for one row: all that `fit` shows of a model. */
  bytes: number;
  /** The module that runs a blob there. */
  moduleOf(blob: Uint8Array): Promise<Uint8Array>;
  engine: Engine;
  /** What its runtime wants beside that: of wasm2c if not given. */
  runtimeBytes?: number;
}

/** A program whose convolutions have the fast forms that RAM suffices for, and how many were given up. */
export interface Fitted {
  program: Program;
  gathered: number;
}

/**
 * Keeps the form of each convolution (`Conv2dOp.form`) that RAM suffices for, and gathers the others. Scratch is what the op that needs most needs, so one form does not
 * stand in another's way. Throws InputError where RAM does not suffice for the smallest forms.
 */
export async function withinRam(program: Program, budget: RamBudget): Promise<Fitted> {
  const { bytes, engine, moduleOf, runtimeBytes } = budget;
  const module = await moduleOf(writeBlob(program));
  const scratchOf = (of: Program) =>
    planScratch({ module, blob: writeBlob(of), engine, weights: "resident", maxRows: 1 }); // streamed ones add a tile, in any form
  const needs = new Map<Op, number>(); // scratch in the form that an op has, and takes less without
  for (const op of program.ops) {
    if (op.kind !== "conv2d" || !op.form) continue;
    const bytes = await scratchOf(alone(program, op));
    if (bytes > (await scratchOf(alone(program, gathered(op))))) needs.set(op, bytes);
  }
  const within = (most: number) =>
    program.ops.map((op) => (op.kind === "conv2d" && (needs.get(op) ?? 0) > most ? gathered(op) : op));
  const small = { ...program, ops: within(0) };
  const memory = await modelMemory(writeBlob(small), module, engine, 1, runtimeBytes);
  if (memory.bytes > bytes) throw new InputError(`ram ${bytes}, expected at least ${memory.bytes}: ${partsOf(memory)}`);
  const room = bytes - memory.bytes + (await scratchOf(small));
  const ops = within(room);
  return { program: { ...program, ops }, gathered: ops.filter((op, i) => op !== program.ops[i]).length };
}

/** A program of one of a program's convolutions. */
function alone({ tensors, arena }: Program, op: Conv2dOp): Program {
  return {
    ...{ modelId: 0n, modelVersion: 0, maxRows: 1, arena },
    tensors: [tensors[op.inputs[0]!]!, tensors[op.output]!],
    ops: [{ ...op, inputs: [0], output: 1 }],
    ...{ inputs: [0], outputs: [1] },
  };
}

function partsOf({ tables, head, arena, scratch, runtime }: ModelMemory): string {
  return `tables ${tables}, head ${head}, activations ${arena}, scratch ${scratch}, runtime ${runtime}, with convolutions in their smallest forms`;
}
