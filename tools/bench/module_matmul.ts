import { EngineError } from "../../host/base/errors.ts";
import { STATUS } from "../../host/base/status.ts";
import { packedBytes, packingOf } from "../../host/blob/pack/pack.ts";
import { repackForModule } from "../../host/blob/repack.ts";
import { FASTEST } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Program, Tensor, WeightedOp } from "../../host/program.ts";
import { BLOB_AT, decodeRow, moduleFeatures, planScratch } from "../../host/run/backend.ts";
import { elementCount, rowStride } from "../../host/shape.ts";
import type { Runner } from "../runners.ts";
import type { Activation } from "./activations.ts";
import { type FloatEndsOptions, floatEnds } from "./floats/floats.ts";
import { type Matmul, type Solver, WEIGHT_SCALE } from "./matmul.ts";

// Little Tern's way to a float product: quantize x, one dense op of the module, scale its accumulators.

/** A task of one op without post, as the module gets it. */
export interface ModuleTask {
  /** Rows of floats. */
  x: Float32Array;
  activation: Activation;
  program: Program;
  /** What the zero point of the activations adds to each element of a row of the output. */
  offsets: Int32Array;
}

export interface ModuleMatmul extends ModuleTask {
  matmul: Matmul;
}

/** A program of one dense op without post: codes of x → accumulators. */
export function moduleMatmul(matmul: Matmul, activation: Activation): ModuleMatmul {
  const { dtype, M, K, codes, x } = matmul;
  const input: Tensor = { dtype: activation.dtype, height: 1, width: 1, channels: K, fixed: 0, perRow: 0 };
  const output: Tensor = { dtype: "i32", height: 1, width: 1, channels: M, fixed: 0, perRow: rowStride(input) };
  const program: Program = {
    modelId: 0n,
    modelVersion: 0,
    maxRows: x.length / K,
    arena: { fixed: 0, perRow: output.perRow + rowStride(output) },
    tensors: [input, output],
    ops: [{ kind: "dense", inputs: [0], output: 1, dtype, weights: codes }],
    inputs: [0],
    outputs: [1],
  };
  const sum = (m: number) => codes.subarray(m * K, (m + 1) * K).reduce((total, code) => total + code, 0);
  const offsets = Int32Array.from({ length: M }, (_, m) => activation.zero * sum(m));
  return { matmul, x, activation, program, offsets };
}

/** The accumulators that the definition gives for the first rows, (rows, M): sums of products of codes. */
export function accumulators(task: ModuleMatmul, rows: number): Int32Array {
  const { M, K, codes } = task.matmul;
  const sums = new Int32Array(rows * M);
  for (let r = 0; r < rows; r++) {
    const row = codesOf(task, r);
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += codes[m * K + k]! * row[k]!;
      sums[r * M + m] = sum;
    }
  }
  return sums;
}

/** The codes of a row of x. */
export function codesOf(task: ModuleTask, row: number): Int32Array {
  const [input] = task.program.tensors as [Tensor];
  const inputs = elementCount(input);
  const codes = new Int32Array(inputs);
  decodeRow(floatEnds(endsOf(task, 1)).quantize(task.x.subarray(row * inputs, (row + 1) * inputs)), input, codes);
  return codes;
}

function endsOf({ activation, program, offsets }: ModuleTask, rows: number): FloatEndsOptions {
  const [input, output] = program.tensors as [Tensor, Tensor];
  const steps = { codeStep: rowStride(input), sumStep: rowStride(output) };
  return { activation, rows, inputs: elementCount(input), ...steps, offsets, unit: WEIGHT_SCALE };
}

/** The task in a module and an engine, packed as the variant runs it fastest. `sums` gives the accumulators of the last run, (rows, M). */
export async function solveInModule(
  task: ModuleTask,
  { engine, module, variant }: Runner,
  rows: number,
): Promise<Solver & { sums(): Int32Array }> {
  const { activation, program } = task;
  const [input, output] = program.tensors as [Tensor, Tensor];
  const outputs = elementCount(output);
  const { features, wide } = await moduleFeatures(module, engine);
  const packed = repackForModule(program, FASTEST[variant], features.packings, {
    inputs: activation.codes,
    rows,
    wide,
  });
  const op = packed.ops[0] as WeightedOp;
  const blob = writeBlob(packed);
  const scratch = await planScratch({ module, blob, engine, weights: "resident", maxRows: rows });
  const workBytes = program.arena.perRow * rows + scratch;
  const arena = BLOB_AT + blob.length;
  const imports = { weights_read: () => 1 }; // the weights are resident
  const instance = await engine.instantiate(module, { memoryBytes: arena + workBytes, imports });
  const call = (name: string, ...args: number[]) => {
    const status = instance.call(name, ...args);
    if (status !== 0) throw new EngineError("status", `${name} returned status ${status}, ${STATUS[status]}`);
  };
  instance.memory().set(blob, BLOB_AT);
  call("open", BLOB_AT, blob.length, arena, workBytes, 0, rows);

  const ends = floatEnds(endsOf(task, rows));
  const x = task.x.subarray(0, rows * elementCount(input));
  let y: Float32Array = new Float32Array();
  const sumsAt = arena + output.perRow * rows;
  const sumWords = (rowStride(output) * rows) / 4;
  let memory: Uint8Array = new Uint8Array();
  let sums: Int32Array = new Int32Array();
  /** Views are kept, since to make them takes longer than to quantize a short row; a memory that grew takes them away. */
  const look = () => {
    if (memory.length > 0) return;
    memory = instance.memory();
    sums = new Int32Array(memory.buffer, memory.byteOffset + sumsAt, sumWords);
  };

  return {
    weightBytes: packedBytes(packingOf(op), output.channels, op.weights.length / output.channels),
    run() {
      look();
      memory.set(ends.quantize(x), arena);
      call("invoke", 0, 1, rows);
      look();
      y = ends.scale(sums);
    },
    y: () => y,
    sums() {
      look();
      const all = new Int32Array(rows * outputs);
      for (let r = 0; r < rows; r++) {
        const at = (r * rowStride(output)) / 4;
        all.set(sums.subarray(at, at + outputs), r * outputs);
      }
      return all;
    },
    dispose: () => instance.dispose(),
  };
}
