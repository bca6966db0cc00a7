import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HOST_VARIANTS } from "../../host/base/builds.mjs";
import { TernError, UnsupportedError } from "../../host/base/errors.ts";
import { missingPackings } from "../../host/blob/features.ts";
import { HEADER, HEADER_BYTES, PACKING, PART } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { repackForModule } from "../../host/blob/repack.ts";
import { FASTEST } from "../../host/blob/targets.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Engine } from "../../host/engines/engine.ts";
import { v8 } from "../../host/engines/v8.ts";
import { createWasmtime } from "../../host/engines/wasmtime.ts";
import { planArena } from "../../host/lower/arena.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Op, PackingName, Program, Tensor } from "../../host/program.ts";
import { decodeRow, encodeRow, referenceBackend } from "../../host/run/backend.ts";
import { type InputRows, Session } from "../../host/run/session.ts";
import { rowWork } from "../../host/run/work.ts";
import { elementCount, rowStride } from "../../host/shape.ts";
import { type Random, randomGraph } from "../graph/random.ts";
import { type Machine, machine, seal } from "../module/machine.ts";
import { type Target as MutationTarget, mutated, targetOf, valuesFor } from "../module/mutations.ts";
import { elements, INT32_MAX, INT32_MIN, RANGE, randomPictures, randomProgram } from "../module/programs.ts";
import { randomBytes, type Target } from "./target.ts";

const PROJECT = join(import.meta.dirname, "..", "..");
const VARIANTS = HOST_VARIANTS.toReversed();

/** Memory of an instance; blobs that need more are only read. */
const MEMORY = 2 ** 21;
/** Products or comparisons of an inference; blobs that need more are only read. */
const MAX_WORK = 2 ** 21;

/** A module in an engine, ready for any blob. */
interface Place {
  name: string;
  variant: (typeof VARIANTS)[number];
  at: Machine;
  packings: number;
}

/** What the reader accepts means the same in the reference and everywhere else: in V8 and, where it is installed, in wasmtime. */
export async function blobTarget(): Promise<Target> {
  const places: Place[] = [];
  const engines: Engine[] = [v8];
  const wasmtime = await createWasmtime().catch((error: unknown) => {
    if (error instanceof TernError) return undefined;
    throw error;
  });
  if (wasmtime) engines.push(wasmtime);
  for (const engine of engines) {
    for (const variant of VARIANTS) {
      const module = new Uint8Array(readFileSync(join(PROJECT, "build", `${variant}.wasm`)));
      if (engine === v8 && !WebAssembly.validate(module)) continue; // relaxed SIMD, in Node 20
      const at = await machine(engine, module, MEMORY);
      places.push({ name: `${engine.name}, ${variant}`, variant, at, packings: at.features(1) });
    }
  }
  return {
    input: randomBlob,
    run(bytes, random) {
      const program = readBlob(bytes);
      if (workOf(program) > MAX_WORK) return "accepted, too much work to run";
      const rowCounts = new Set([1, Math.min(program.maxRows, random.int(1, 6))]);
      const needed = program.arena.fixed + program.arena.perRow * Math.max(...rowCounts);
      if (needed + 2 * bytes.length > MEMORY / 2) return "accepted, too large to run";
      for (const rows of rowCounts) compare(places, bytes, program, rows, random);
      useDescription(program, random);
      return "equal everywhere";
    },
  };
}

/** Operations for six rows. */
function workOf(program: Program): number {
  return 6 * rowWork(program);
}

/** Throws where a module gives other numbers than the reference in the output of an op, or in an output of the model. */
function compare(places: Place[], blob: Uint8Array, program: Program, rows: number, random: Random): void {
  const { ops, tensors, inputs, outputs } = program;
  const batch = inputs.map((tensor) => elements(tensors[tensor]!.dtype, rows * elementCount(tensors[tensor]!), random));
  const reference = referenceBackend(program, rows);
  const write = (to: (tensor: number, values: number[]) => void) => {
    inputs.forEach((tensor, i) => {
      to(tensor, batch[i]!);
    });
  };
  write((tensor, values) => reference.write(tensor, values, rows));
  const expected = ops.map((op, i) => {
    reference.invoke(i, i + 1, rows);
    return reference.read(op.output, rows);
  });
  const results = outputs.map((tensor) => reference.read(tensor, rows));
  for (const { name, variant, at, packings } of places) {
    for (const weights of ["resident", "streaming"] as const) {
      if (weights === "streaming" && missingPackings(program, packings).length > 0) continue;
      const repacked = weights === "resident" && random.chance(0.5);
      const isMissing = missingPackings(program, packings).length > 0;
      const packed = repacked || isMissing ? repackForModule(program, FASTEST[variant], packings, { rows }) : program;
      const image = packed === program ? blob : writeBlob(packed);
      const where = `${name}, ${weights}, ${rows} rows`;
      const arena = open(at, image, weights, packed, rows, where);
      write((tensor, values) => writeTensor(at, arena, tensors[tensor]!, values, rows));
      if (random.chance(0.5)) {
        ops.forEach((op, i) => {
          ok(at.invoke(i, i + 1, rows), `${where}: op ${i}`);
          same(readTensor(at, arena, tensors[op.output]!, rows), expected[i]!, `${where}: op ${i}, ${op.kind}`);
        });
      } else ok(at.invoke(0, ops.length, rows), where);
      outputs.forEach((tensor, i) => {
        same(readTensor(at, arena, tensors[tensor]!, rows), results[i]!, `${where}: output ${i}`);
      });
    }
  }
}

/** Opens a blob in a module with work memory full of what was never written, and returns where the arena begins. */
function open(at: Machine, blob: Uint8Array, weights: string, program: Program, rows: number, where: string): number {
  const headBytes = new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.headBytes, true);
  const image = weights === "resident" ? blob : blob.subarray(0, headBytes);
  const memory = at.memory();
  memory.set(image, 16);
  at.flash = blob;
  at.reads.length = 0;
  const scratch = at.plan(16, image.length, rows);
  if (scratch < 0) throw new Error(`${where}: plan gives status ${-scratch}`);
  const work = 16 + image.length;
  const workBytes = program.arena.fixed + program.arena.perRow * rows + scratch;
  memory.fill(0xa5, work, work + workBytes);
  ok(at.open(16, image.length, work, workBytes, rows), where);
  return work;
}

function ok(status: number, where: string): void {
  if (status !== 0) throw new Error(`${where}: status ${status}`);
}

function same(found: Int32Array, expected: Int32Array, where: string): void {
  for (let i = 0; i < expected.length; i++) {
    if (found[i] !== expected[i]) throw new Error(`${where}: element ${i} is ${found[i]}, expected ${expected[i]}`);
  }
}

function rowAt(at: Machine, arena: number, tensor: Tensor, rows: number, row: number): Uint8Array {
  const start = arena + tensor.fixed + tensor.perRow * rows + row * rowStride(tensor);
  return at.memory().subarray(start, start + rowStride(tensor));
}

function writeTensor(at: Machine, arena: number, tensor: Tensor, values: number[], rows: number): void {
  for (let row = 0; row < rows; row++) {
    const slot = rowAt(at, arena, tensor, rows, row);
    if (tensor.dtype === "bit") slot.fill(0);
    encodeRow(slot, tensor, values, row * elementCount(tensor));
  }
}

function readTensor(at: Machine, arena: number, tensor: Tensor, rows: number): Int32Array {
  const found = new Int32Array(rows * elementCount(tensor));
  for (let row = 0; row < rows; row++)
    decodeRow(rowAt(at, arena, tensor, rows, row), tensor, found, row * elementCount(tensor));
  return found;
}

/** Real numbers go in by the description, and what comes out is never NaN. */
function useDescription(program: Program, random: Random): void {
  if (!program.description || program.inputs.some((t) => ["i32", "bit"].includes(program.tensors[t]!.dtype))) return;
  const session = new Session(program, referenceBackend(program, 1));
  const inputs = program.inputs.map((t): InputRows => {
    return Float32Array.from(
      { length: elementCount(program.tensors[t]!) },
      () => (random.unit() - 0.5) * 10 ** random.int(-3, 38),
    );
  });
  try {
    for (const { scores } of session.run(inputs)) {
      if (scores.some(Number.isNaN)) throw new Error("a score is NaN");
    }
  } catch (error) {
    if (!(error instanceof TernError)) throw error; // steps may give no number
  }
}

/** A blob with right checksums: of a program, sound or not, or with fields of its head and bytes of its parts changed. */
export function randomBlob(random: Random): Uint8Array {
  let program = baseProgram(random);
  for (let edits = random.pick([0, 0, 1, 1, 1, 2, 3]); edits > 0; edits--) program = edited(program, random);
  const target = targetFor(program) ?? targetOf(baseProgram(random));
  switch (random.int(0, 9)) {
    case 0:
    case 1:
      return withFields(target, random);
    case 2:
    case 3:
      return withPartBytes(target, random);
    case 4:
      return withSize(target, random);
    default:
      return target.blob;
  }
}

/** The program's blob; undefined where edits have left no program, weights of other sizes for example. */
function targetFor(program: Program): MutationTarget | undefined {
  try {
    return targetOf(program);
  } catch {
    return undefined;
  }
}

function baseProgram(random: Random): Program {
  if (random.chance(0.8)) {
    const packings = Object.keys(PACKING) as PackingName[];
    const program = random.chance(0.25) ? randomPictures(random, packings) : randomProgram(random, packings);
    return random.chance(0.5) ? planned(program) : program;
  }
  return lowered(random.int(0, NETWORKS - 1));
}

/** Networks that blobs start from, with descriptions. */
const NETWORKS = 200;
const DTYPES = ["u8", "i8", "i16", "f32"] as const;
const programs = new Map<number, Program>();

/** A lowered network by its number: made once, and never changed. */
function lowered(index: number): Program {
  for (let seed = index; !programs.has(index); seed += NETWORKS) {
    try {
      const { program } = lower(randomGraph(seed), {
        modelId: 1n,
        modelVersion: 1,
        source: { format: "test", file: "", bytes: 0, sha256: "0".repeat(64) },
        converter: { version: "0", choices: {} },
        input: { dtype: DTYPES[index % DTYPES.length]! },
      });
      programs.set(index, program);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error; // and the next seed has its turn
    }
  }
  return programs.get(index)!;
}

/** The program with its tensors where lowering would put them. */
function planned(program: Program): Program {
  return { ...program, ...planArena(program.tensors, program.ops, program.inputs, program.outputs) };
}

/** The program with one thing about it changed: it may still be sound. */
function edited(program: Program, random: Random): Program {
  const copy = structuredClone(program);
  const { tensors, ops, inputs, outputs, arena } = copy;
  if (ops.length === 0 || tensors.length === 0) return copy;
  const tensor = () => random.int(0, tensors.length - 1);
  const op = random.pick(ops);
  const place = () => 16 * random.int(0, Math.max(1, arena.perRow / 16));
  const edits: (() => void)[] = [
    () => Object.assign(tensors[tensor()]!, { perRow: place() }),
    () => Object.assign(tensors[tensor()]!, { perRow: place(), fixed: 16 * random.int(0, 4) }),
    () => Object.assign(tensors[tensor()]!, { perRow: tensors[tensor()]!.perRow }),
    () =>
      Object.assign(arena, {
        fixed: arena.fixed + 16 * random.int(0, 8),
        perRow: arena.perRow + 16 * random.int(0, 8),
      }),
    () => Object.assign(tensors[tensor()]!, { dtype: random.pick(Object.keys(RANGE)) }),
    () => Object.assign(tensors[tensor()]!, { channels: random.pick([1, 2, 15, 16, 17, 33]) }),
    () => Object.assign(op, { input: tensor() }),
    () => Object.assign(op, { output: tensor() }),
    () => outputs.push(tensor()),
    () => outputs.splice(0, 1, tensor()),
    () => inputs.push(tensor()),
    () => inputs.splice(0, 1, tensor()),
    () => ops.splice(random.int(0, ops.length - 1), 1),
    () => ops.push(structuredClone(op)),
    () => ops.reverse(),
    () => Object.assign(op, { tileChannels: random.pick([1, 2, 3, 16, 31, 32, 48, 200]) }),
    () => Object.assign(copy, { maxRows: random.pick([1, 2, 3, 7, 64, 1000, 2 ** 20, 2 ** 20 + 1]) }),
    () => editNumbers(op, random),
    () => editNumbers(op, random),
    () => Object.assign(copy, planned(copy)),
    () => {
      copy.selfTest = {
        inputs: [randomBytes(random.int(0, 20), random)],
        outputs: [randomBytes(random.int(0, 20), random)],
      };
    },
  ];
  random.pick(edits)();
  return copy;
}

/** Other numbers in the parameters of an op, at the ends of their ranges among them. */
function editNumbers(op: Op, random: Random): void {
  const i32 = () => random.pick([INT32_MIN, INT32_MAX, -1, 0, 1, random.int(INT32_MIN, INT32_MAX)]);
  const i64 = () => BigInt.asIntN(64, random.pick([0n, 1n, -1n, 2n ** 63n, 2n ** 63n - 1n, 2n ** 62n]) + BigInt(i32()));
  const some = <T>(list: { length: number; [i: number]: T }, value: () => T) => {
    for (let i = 0; i < list.length; i++) if (random.chance(0.3)) list[i] = value();
  };
  switch (op.post?.kind) {
    case "scores":
      some(op.post.multiplier, i32);
      some(op.post.offset, i64);
      break;
    case "thresholds":
      some(op.post.base, () => random.int(-32768, 32767));
      if (random.chance(0.5)) some(op.post.steps, i32);
      if (random.chance(0.2)) some(op.post.ups, () => random.int(0, 9));
      break;
    case "requantize":
      some(op.post.multiplier, i32);
      some(op.post.offset, i32);
      some(op.post.low, () => random.pick([0, 1, 2 ** 15, 2 ** 16 - 1]));
      some(op.post.left, () => random.pick([0, 1, 15, 30, 31, 31, 32, 255]));
      some(op.post.right, () => random.pick([0, 1, 15, 30, 31, 31, 32, 255]));
      Object.assign(op.post, { lo: random.pick([-128, -1, 0]), hi: random.pick([0, 1, 127, 255]) });
      break;
    case "plane":
      some(op.post.multiplier, i64);
      some(op.post.second, i64);
      some(op.post.offset, i64);
      some(op.post.shift, () => random.pick([0, 1, 31, 32, 62, 63, 64, 255]));
      some(op.post.lo, () => random.pick([-32768, -128, 0, 255]));
      some(op.post.hi, () => random.pick([-129, -1, 0, 127, 32767]));
      break;
    case "lookup":
      some(op.post.table, () => random.int(-128, 127));
      break;
  }
}

/** One to three fields of the head with what an attacker tries there. */
function withFields(target: MutationTarget, random: Random): Uint8Array {
  const record = random.pick(target.fields).record;
  const own = random.chance(0.6) ? target.fields.filter((field) => field.record === record) : target.fields;
  const mutations = Array.from({ length: random.int(1, 3) }, () => {
    const field = random.pick(own);
    return { ...field, value: random.pick(valuesFor(target.blob, field)) };
  });
  return mutated(target, mutations);
}

/** Some bytes behind the head changed: of weights, parameters, description and self-test. Checksums are right. */
function withPartBytes({ blob, headBytes, parts }: MutationTarget, random: Random): Uint8Array {
  const bytes = blob.slice();
  if (bytes.length === headBytes) return bytes;
  const part = random.int(0, parts - 1);
  const view = new DataView(bytes.buffer);
  const field = (at: number) => view.getUint32(HEADER_BYTES + 16 * part + at, true);
  const [start, size] = [field(PART.offset), field(PART.bytes)];
  for (let edits = random.int(1, 8); edits > 0 && size > 0; edits--) {
    const at = start + random.int(0, size - 1);
    bytes[at] = random.chance(0.5) ? bytes[at]! ^ (1 << random.int(0, 7)) : random.int(0, 255);
  }
  return seal(bytes, headBytes, parts);
}

/** Cut, or with bytes behind the end; the header says so, or not. */
function withSize({ blob, headBytes, parts }: MutationTarget, random: Random): Uint8Array {
  const size = Math.max(headBytes, blob.length + 16 * random.int(-3, 3) + random.pick([0, 0, 0, 1]));
  const bytes = new Uint8Array(size);
  bytes.set(blob.subarray(0, size));
  if (random.chance(0.8)) new DataView(bytes.buffer).setUint32(HEADER.totalBytes, size, true);
  return seal(bytes, headBytes, parts);
}
