import { decodeRow, moduleFeatures, planScratch } from "../../host/backend.ts";
import { packedBytes, packingOf } from "../../host/blob/pack/pack.ts";
import { repackForModule } from "../../host/blob/repack.ts";
import { FASTEST } from "../../host/blob/targets.ts";
import { rowStride } from "../../host/blob/tensors.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { EngineError } from "../../host/errors.ts";
import type { DenseOp, Program, Tensor } from "../../host/program.ts";
import { STATUS } from "../../host/status.ts";
import type { Activation, Floats, Memory } from "./activations.ts";
import { type Matmul, type Solver, WEIGHT_SCALE } from "./matmul.ts";
import type { Runner } from "./runner.ts";

// Little Tern's way to a float product: quantize x, one dense op of the module, scale its accumulators.

/** A task as the module gets it. */
export interface ModuleMatmul {
  matmul: Matmul;
  activation: Activation;
  program: Program;
  /** zero · Σ_k codes[m, k], which the zero point of the activations adds to accumulator m. (M) */
  offsets: Int32Array;
}

/** A program of one dense op without post: codes of x → accumulators. */
export function moduleMatmul(matmul: Matmul, activation: Activation): ModuleMatmul {
  const { dtype, M, K, codes, x } = matmul;
  const input: Tensor = { dtype: activation.dtype, channels: K, fixed: 0, perRow: 0 };
  const output: Tensor = { dtype: "i32", channels: M, fixed: 0, perRow: rowStride(input) };
  const program: Program = {
    modelId: 0n,
    modelVersion: 0,
    maxRows: x.length / K,
    arena: { fixed: 0, perRow: output.perRow + rowStride(output) },
    tensors: [input, output],
    ops: [{ kind: "dense", input: 0, output: 1, dtype, weights: codes }],
    inputs: [0],
    outputs: [1],
  };
  const sum = (m: number) => codes.subarray(m * K, (m + 1) * K).reduce((total, code) => total + code, 0);
  const offsets = Int32Array.from({ length: M }, (_, m) => activation.zero * sum(m));
  return { matmul, activation, program, offsets };
}

/** The accumulators that the definition gives for the first rows, (rows, M): sums of products of codes. */
export function accumulators({ matmul, activation, program }: ModuleMatmul, rows: number): Int32Array {
  const { M, K, codes, x } = matmul;
  const [input] = program.tensors as [Tensor];
  const memory = memoryOf(new Uint8Array(rowStride(input)));
  const row = new Int32Array(K);
  const sums = new Int32Array(rows * M);
  for (let r = 0; r < rows; r++) {
    activation.quantize(floatsOf(x), r * K, (r + 1) * K, memory, 0);
    decodeRow(memory.bytes, input, row);
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += codes[m * K + k]! * row[k]!;
      sums[r * M + m] = sum;
    }
  }
  return sums;
}

/** Multiple of 16, as ABI.md asks for. */
const BLOB_AT = 16;

/** The task in a module and an engine, packed as the variant runs it fastest. `sums` gives the accumulators of the last run, (rows, M). */
export async function solveInModule(
  { matmul, activation, program, offsets }: ModuleMatmul,
  { engine, module, variant }: Runner,
  rows: number,
): Promise<Solver & { sums(): Int32Array }> {
  const { M, K, x } = matmul;
  const [input, output] = program.tensors as [Tensor, Tensor];
  const features = await moduleFeatures(module, engine);
  const packed = repackForModule(program, FASTEST[variant], features.data, { inputs: activation.codes, rows });
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
  call("open", BLOB_AT, blob.length, arena, workBytes, rows);

  const floats = floatsOf(x);
  const scales = new Float64Array(rows);
  const y = new Float32Array(rows * M);
  const [inputBytes, outputWords] = [rowStride(input), rowStride(output) / 4];
  const outputAt = (arena + output.perRow * rows) / 4;
  let memory = memoryOf(instance.memory());
  /** Views are kept, since to make them takes longer than to quantize a short row; a memory that grew takes them away. */
  const current = () => {
    if (memory.bytes.length === 0) memory = memoryOf(instance.memory());
    return memory;
  };

  return {
    weightBytes: packedBytes(packingOf(packed.ops[0] as DenseOp), M, K),
    run() {
      const before = current();
      for (let r = 0; r < rows; r++) {
        const first = r * K;
        scales[r] = activation.quantize(floats, first, first + K, before, arena + r * inputBytes) * WEIGHT_SCALE;
      }
      call("invoke", 0, 1, rows);
      const { words } = current();
      for (let r = 0; r < rows; r++) {
        scaleSums(words, outputAt + r * outputWords, offsets, scales[r]!, y, r * M);
      }
    },
    y: () => y,
    sums() {
      const all = new Int32Array(rows * M);
      const { words } = current();
      for (let r = 0; r < rows; r++) {
        const at = outputAt + r * outputWords;
        all.set(words.subarray(at, at + M), r * M);
      }
      return all;
    },
    dispose: () => instance.dispose(),
  };
}

/** y[at + m] = (sums[first + m] − offsets[m]) · scale. */
function scaleSums(
  sums: Int32Array,
  first: number,
  offsets: Int32Array,
  scale: number,
  y: Float32Array,
  at: number,
): void {
  const M = offsets.length;
  let m = 0;
  // `| 0`: V8 then subtracts integers, which takes a third of the time; four at once, 0.7 of one at a time
  for (; m + 4 <= M; m += 4) {
    y[at + m] = ((sums[first + m]! - offsets[m]!) | 0) * scale;
    y[at + m + 1] = ((sums[first + m + 1]! - offsets[m + 1]!) | 0) * scale;
    y[at + m + 2] = ((sums[first + m + 2]! - offsets[m + 2]!) | 0) * scale;
    y[at + m + 3] = ((sums[first + m + 3]! - offsets[m + 3]!) | 0) * scale;
  }
  for (; m < M; m++) y[at + m] = ((sums[first + m]! - offsets[m]!) | 0) * scale;
}

function floatsOf(values: Float32Array): Floats {
  return { values, bits: new Int32Array(values.buffer, values.byteOffset, values.length) };
}

function memoryOf(bytes: Uint8Array): Memory {
  return { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) };
}
