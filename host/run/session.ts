import {
  checkBytes,
  checkElements,
  checkEngine,
  checkList,
  checkObject,
  checkOneOf,
  checkOptional,
  checkWhole,
  kindOf,
} from "../base/arguments.ts";
import { EngineError, InputError } from "../base/errors.ts";
import { missingPackings } from "../blob/features.ts";
import { packingOf } from "../blob/pack/pack.ts";
import { readBlob } from "../blob/read.ts";
import { repackForModule } from "../blob/repack.ts";
import { FASTEST } from "../blob/targets.ts";
import { writeBlob } from "../blob/write.ts";
import { type ActivationDtype, isWeighted, type PackingName, type Program } from "../program.ts";
import { elementCount } from "../shape.ts";
import {
  type Backend,
  type ModuleOptions,
  moduleBackend,
  moduleFeatures,
  REFERENCE_ROWS,
  referenceBackend,
} from "./backend.ts";
import { beyondElements, inputCodes, scores } from "./describe.ts";
import { rowsWithin } from "./work.ts";

export type LoadOptions = Pick<ModuleOptions, "module" | "blob" | "engine" | "fuel" | "flash"> & {
  /** "resident" if not given. */
  weights?: ModuleOptions["weights"];
  /** Which variant the module is. Resident weights are repacked to what it runs fastest; without it, only to what it runs at all. */
  variant?: keyof typeof FASTEST;
  /** Rows that run at a time; larger batches are split. The blob's own limit if not given, or fewer that keep within the limits of work.ts. */
  maxRows?: number;
} & WorkOptions;

export interface WorkOptions {
  /** Operations that one row may take (work.ts): a multiply-accumulate or a comparison is one. MAX_OPERATIONS of limits.ts if not given. */
  maxOperations?: number | undefined;
}

/** Elements of one input, (rows, channels): of the model's own dtype, or real numbers as the checkpoint takes them. */
export type InputRows = Uint8Array | Int8Array | Int16Array | Float32Array;

/** One output for all rows. */
export interface Output {
  name: string;
  /** Shape of a row. */
  shape: number[];
  /** Accumulators, codes or indices as the module left them, (rows, channels). */
  elements: Int32Array;
  /** What the checkpoint's output is, (rows, channels). The elements, if the blob has no description. */
  scores: Float32Array;
}

export interface RunOptions {
  /** Gets the time that each op took, in milliseconds, added up. One entry per op. */
  profile?: Float64Array;
  /** Is shown what each op wrote: the tensor's index and its elements, (rows, channels), from row `firstRow` of the batch on. */
  see?: (tensor: number, elements: Int32Array, firstRow: number) => void;
  /** Is told how many rows are done. */
  onProgress?: (rows: number) => void;
}

/** Weights of an op that were repacked when the model was loaded. */
export interface Repacked {
  op: number;
  from: PackingName;
  to: PackingName;
}

/** The array of an input's elements, by its dtype. */
export const ARRAYS: Partial<Record<ActivationDtype, new (elements: ArrayLike<number>) => InputRows>> = {
  u8: Uint8Array,
  i8: Int8Array,
  i16: Int16Array,
  f32: Float32Array,
};

/** Whether elements are of a dtype, as they are. */
function isOf(dtype: ActivationDtype, elements: InputRows): boolean {
  const array = ARRAYS[dtype];
  return array !== undefined && elements instanceof array;
}

/**
 * Opens a blob in an engine. Resident weights are repacked where the module does not run their packing, or its variant runs another one
 * faster; streamed ones stay as they are. Throws BlobError for a blob that breaks FORMAT.md, InputError for more rows than it allows,
 * EngineError for what the engine or the module refuses, of kind "packing" for packings that the module was not built for, and of kind "fuel"
 * for a model that takes more work than is allowed.
 */
export async function load(options: LoadOptions): Promise<Session> {
  checkObject("options", options);
  const { engine, fuel, flash, variant, weights = "resident" } = options;
  checkBytes("module", options.module);
  checkEngine(engine);
  checkOneOf("weights", weights, ["resident", "streaming"]);
  if (variant !== undefined) checkOneOf("variant", variant, Object.keys(FASTEST));
  if (fuel !== undefined) checkWhole("fuel", fuel, 0);
  checkOptional("flash", flash, "function");
  const program = readBlob(options.blob);
  const within = rowsWithin(program, options.maxOperations);
  const { maxRows = within } = options;
  if (!(Number.isInteger(maxRows) && maxRows >= 1 && maxRows <= program.maxRows)) {
    throw new InputError(`memory for ${kindOf(maxRows)} rows, expected 1 to ${program.maxRows}`);
  }
  const { features, wide } = await moduleFeatures(options.module, options.engine);
  const start = performance.now();
  const fastest = options.variant ? FASTEST[options.variant] : [];
  const packed =
    weights === "resident" ? repackForModule(program, fastest, features.packings, { rows: maxRows, wide }) : program;
  const repacked = changedPackings(program, packed);
  const blob = packed === program ? options.blob : writeBlob(packed);
  const repackMs = packed === program ? 0 : performance.now() - start;
  const [missing] = missingPackings(packed, features.packings);
  if (missing) {
    const why =
      weights === "resident" ? "" : "; streamed weights are not repacked: `npx littletern repack --for any` does so";
    throw new EngineError("packing", `the module was not built for packing ${missing}${why}`);
  }
  const backend = await moduleBackend(packed, { ...options, blob, weights, maxRows });
  return new Session(packed, backend, repacked, repackMs);
}

function changedPackings(before: Program, after: Program): Repacked[] {
  return before.ops.flatMap((op, i) => {
    const other = after.ops[i]!;
    if (!isWeighted(op) || !isWeighted(other)) return [];
    const [from, to] = [packingOf(op).name, packingOf(other).name];
    return from === to ? [] : [{ op: i, from, to }];
  });
}

/** Opens a blob in the reference: plain loops, no WebAssembly. Throws as `load` does. */
export function loadReference(blob: Uint8Array, { maxOperations }: WorkOptions = {}): Session {
  const program = readBlob(blob);
  return new Session(program, referenceBackend(program, Math.min(REFERENCE_ROWS, rowsWithin(program, maxOperations))));
}

/** A model that is ready to run. */
export class Session {
  /** The model, in the packings that run. */
  readonly program: Program;
  /** What was repacked when the model was loaded, and the milliseconds that this took. */
  readonly repacked: readonly Repacked[];
  readonly repackMs: number;
  readonly #backend: Backend;
  #state: "ready" | "in the middle of a run" | "disposed" = "ready";

  constructor(program: Program, backend: Backend, repacked: readonly Repacked[] = [], repackMs = 0) {
    this.program = program;
    this.#backend = backend;
    this.repacked = repacked;
    this.repackMs = repackMs;
  }

  /** "v8", "wasmtime", "reference". */
  get engine(): string {
    return this.#backend.name;
  }

  /**
   * Runs all rows of a batch. `inputs` are in the order of the model's inputs; all have as many rows. Real numbers (f32) for
   * an integer input are quantized here, exactly as the checkpoint does. Throws InputError for what does not fit; EngineError, of kind
   * "state", for a session that is disposed or in the middle of a run, as it is in `see`.
   */
  run(inputs: InputRows | readonly InputRows[], options: RunOptions = {}): Output[] {
    this.#checkReady();
    this.#checkOptions(options);
    this.#state = "in the middle of a run";
    try {
      return this.#run(inputs, options);
    } finally {
      this.#state = "ready";
    }
  }

  #run(inputs: InputRows | readonly InputRows[], options: RunOptions): Output[] {
    const { program } = this;
    const list = ArrayBuffer.isView(inputs) ? [inputs] : inputs;
    checkList("inputs", list, checkElements);
    const rows = this.#checkInputs(list);
    const elements = program.outputs.map((tensor) => new Int32Array(rows * elementCount(program.tensors[tensor]!)));
    for (let first = 0; first < rows; first += this.#backend.maxRows) {
      const count = Math.min(this.#backend.maxRows, rows - first);
      this.#runRows(list, first, count, options);
      program.outputs.forEach((tensor, i) => {
        this.#backend.read(tensor, count, elements[i]!, first * elementCount(program.tensors[tensor]!));
      });
      options.onProgress?.(first + count);
    }
    return elements.map((output, i) => {
      const description = program.description?.outputs[i];
      return {
        name: description?.name ?? `output ${i}`,
        shape: description?.shape ?? [output.length / rows],
        elements: output,
        scores: description
          ? scores(description, program.tensors[program.outputs[i]!]!, output)
          : Float32Array.from(output),
      };
    });
  }

  /** Frees what the session holds; nothing happens when it is free already. Throws EngineError, of kind "state", in the middle of a run. */
  dispose(): void {
    if (this.#state === "disposed") return;
    this.#checkReady();
    this.#state = "disposed";
    this.#backend.dispose();
  }

  #checkReady(): void {
    if (this.#state !== "ready") throw new EngineError("state", `the session is ${this.#state}`);
  }

  #checkOptions(options: RunOptions): void {
    checkObject("options", options);
    const { profile, see, onProgress } = options;
    checkOptional("see", see, "function");
    checkOptional("onProgress", onProgress, "function");
    const ops = this.program.ops.length;
    if (profile === undefined || (profile instanceof Float64Array && profile.length === ops)) return;
    throw new InputError(`profile: found ${kindOf(profile)}, expected a Float64Array of ${ops} numbers`);
  }

  /** Checks all inputs and returns how many rows they have. */
  #checkInputs(inputs: readonly InputRows[]): number {
    const { tensors, description } = this.program;
    if (inputs.length !== this.program.inputs.length) {
      throw new InputError(`found ${inputs.length} inputs, expected ${this.program.inputs.length}`);
    }
    const counts = inputs.map((elements, i) => {
      const input = tensors[this.program.inputs[i]!]!;
      const { dtype } = input;
      const count = elementCount(input);
      const where = () => `input "${description?.inputs[i]?.name ?? i}"`;
      const real = elements instanceof Float32Array;
      if (!isOf(dtype, elements) && !(real && description)) {
        throw new InputError(
          `${where()}: found ${elements.constructor.name}, expected ${dtype}${description ? " or f32" : ""}`,
        );
      }
      if (elements.length === 0 || elements.length % count !== 0) {
        throw new InputError(`${where()}: found ${elements.length} elements, expected a multiple of ${count}`);
      }
      const bad = real ? elements.findIndex((x) => !Number.isFinite(x)) : -1;
      if (bad >= 0) {
        const [row, element] = [Math.floor(bad / count), bad % count];
        throw new InputError(
          `${where()}: found ${elements[bad]} in row ${row}, element ${element}, expected finite numbers`,
        );
      }
      const beyond = real && dtype !== "f32" && description ? beyondElements(this.program, i, elements) : -1;
      if (beyond >= 0) {
        throw new InputError(
          `${where()}: found ${elements[beyond]} in row ${Math.floor(beyond / count)}, element ${beyond % count}, expected what an element of ${dtype} stands for`,
        );
      }
      return elements.length / count;
    });
    for (const rows of counts) {
      if (rows !== counts[0]) throw new InputError(`inputs of ${counts[0]} and ${rows} rows, expected equally many`);
    }
    return counts[0]!;
  }

  /** Runs `count` rows from row `first` on, which is at most the backend's maxRows. */
  #runRows(inputs: readonly InputRows[], first: number, count: number, { profile, see }: RunOptions): void {
    const { ops, tensors, description } = this.program;
    const codes = new Map<number, ArrayLike<number>>(); // tensors that are written here instead of by their op
    inputs.forEach((elements, i) => {
      const tensor = this.program.inputs[i]!;
      const { dtype } = tensors[tensor]!;
      const each = elementCount(tensors[tensor]!);
      const end = (first + count) * each;
      if (elements.length < end) throw new InputError(`inputs[${i}]: the elements were sent away (detached)`);
      const rows = first === 0 && end === elements.length ? elements : elements.subarray(first * each, end);
      const isNative = isOf(dtype, elements);
      const written = isNative ? rows : inputCodes(description!, i, tensors[tensor]!, rows as Float32Array);
      const target = isNative ? tensor : description!.inputs[i]!.codes;
      if (target === tensor) this.#backend.write(tensor, written, count);
      else codes.set(target, written);
    });

    if (!profile && !see && codes.size === 0) {
      this.#backend.invoke(0, ops.length, count);
      return;
    }
    let done = 0;
    const runTo = (end: number) => {
      if (done < end) this.#backend.invoke(done, end, count);
      done = end;
    };
    ops.forEach(({ output }, i) => {
      const written = codes.get(output);
      if (written) {
        runTo(i);
        this.#backend.write(output, written, count);
        done = i + 1;
      } else if (profile || see) {
        const start = performance.now();
        runTo(i + 1);
        if (profile) profile[i]! += performance.now() - start;
      }
      if (see) see(output, this.#backend.read(output, count), first);
    });
    runTo(ops.length);
  }
}
