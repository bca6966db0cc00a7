import {
  checkBytes,
  checkElements,
  checkList,
  checkObject,
  checkOptional,
  checkSession,
  checkText,
} from "./base/arguments.ts";
import { EngineError, InputError } from "./base/errors.ts";
import { checkProgram } from "./blob/check_program.ts";
import { checkDescription } from "./blob/description.ts";
import { type Checkpoint, importOptions, readCheckpoint } from "./checkpoint/index.ts";
import { evaluate } from "./graph/evaluate.ts";
import { orderKey } from "./numbers/order.ts";
import { isIdentity, realOf, unitText } from "./numbers/unit.ts";
import type { Program } from "./program.ts";
import type { InputRows, Session } from "./run/session.ts";
import { elementCount } from "./shape.ts";

/** The first place where a blob and its checkpoint differ. */
export interface Difference {
  /** Session that differs: engine and where its weights lie. */
  session: string;
  /** "codes", "accumulators", "index" (of an argmax) or "scores". */
  what: string;
  /** Name of the graph's value. */
  value: string;
  sample: number;
  /** Element of the row: position by position, the channels of each. */
  channel: number;
  found: number;
  expected: number;
}

export interface Verification {
  samples: number;
  /** Numbers compared in a session that is equal to the end. */
  compared: number;
  sessions: string[];
  differences: Difference[];
  /** Whether the blob says that it was made from this very file. */
  sameSource: boolean;
}

export interface VerifyOptions {
  blob: Program;
  /** Bytes of the checkpoint, and their sha256. */
  checkpoint: Uint8Array;
  sha256: string;
  /** The network described by hand that the blob was made with, if it was. */
  arch?: string;
  /** Sessions of the blob, by name. */
  sessions: Record<string, Session>;
  inputs: readonly InputRows[];
  /** Is told how many samples are done. */
  onProgress?: (done: number) => void;
}

/** Scores may differ by so many units in the last place of an f32 (design, D7). */
const SCORE_ULPS = 2;
/** Samples compared at a time: the evaluator keeps all values of them. */
export const BATCH_ROWS = 64;

/**
 * Proves that a blob computes what its checkpoint computes: equal codes at every quantizer, equal accumulators, and scores within
 * 2 ulp of f32, for every sample in every session. Each session reports its first difference.
 */
export function verify(options: VerifyOptions): Verification {
  checkObject("options", options);
  const { blob, checkpoint, sessions, inputs, sha256 } = options;
  checkProgram(blob);
  checkDescription(blob);
  checkBytes("checkpoint", checkpoint);
  checkText("sha256", sha256);
  checkOptional("arch", options.arch, "string");
  checkOptional("onProgress", options.onProgress, "function");
  checkObject("sessions", sessions);
  for (const [name, session] of Object.entries(sessions)) checkSession(name, session);
  checkList("inputs", inputs, checkElements);
  if (inputs.length !== blob.inputs.length) {
    throw new InputError(`found ${inputs.length} inputs, expected ${blob.inputs.length}`);
  }
  const check = createCheck(blob, checkpoint, options.arch);
  const tally = new Tally(Object.keys(sessions));
  for (const batch of splitRows(blob, inputs, BATCH_ROWS)) {
    tally.add(check(sessions, batch));
    options.onProgress?.(tally.samples);
  }
  return tally.verification(blob, sha256);
}

/** Inputs of a model in batches of at most `count` rows. */
export function* splitRows(
  { inputs: tensors, tensors: all }: Program,
  inputs: readonly InputRows[],
  count: number,
): Generator<InputRows[]> {
  const counts = tensors.map((tensor) => elementCount(all[tensor]!));
  const rows = inputs[0]!.length / counts[0]!;
  for (let first = 0; first < rows; first += count) {
    yield inputs.map((elements, i) => elements.subarray(first * counts[i]!, (first + count) * counts[i]!));
  }
}

/** What a batch of samples showed. It depends on nothing but the batch, so batches may be checked anywhere and in any order. */
export interface BatchCheck {
  samples: number;
  /** By session: numbers compared up to its first difference, whose sample is counted from the batch's first. */
  checks: Record<string, { compared: number; difference?: Found }>;
}

type Found = Omit<Difference, "session">;

/** A function that compares sessions of a blob with its checkpoint on one batch of samples, a row of each input per sample. */
export function createCheck(
  program: Program,
  checkpoint: Uint8Array,
  arch?: string,
): (sessions: Record<string, Session>, inputs: readonly InputRows[]) => BatchCheck {
  const read = readFor(program, checkpoint, arch);
  return (sessions, inputs) => {
    const samples = inputs[0]!.length / elementCount(program.tensors[program.inputs[0]!]!);
    const expected = expectedOf(read, program, inputs, samples);
    const checks = Object.entries(sessions).map(([name, session]) => {
      return [name, checkRows(session, expected, inputs, samples)] as const;
    });
    return { samples, checks: Object.fromEntries(checks) };
  };
}

/** Adds up batches, in the order of their samples. */
export class Tally {
  samples = 0;
  readonly #sessions: string[];
  readonly #compared = new Map<string, number>();
  readonly #differences = new Map<string, Difference>();

  constructor(sessions: string[]) {
    this.#sessions = sessions;
  }

  /** Throws EngineError where a session has not checked the batch. */
  add({ samples, checks }: BatchCheck): void {
    for (const session of this.#sessions) {
      const check = checks[session];
      if (!check) throw new EngineError("missing", `session ${session} is not there for sample ${this.samples}`);
      if (this.#differences.has(session)) continue;
      this.#compared.set(session, (this.#compared.get(session) ?? 0) + check.compared);
      if (!check.difference) continue;
      const sample = this.samples + check.difference.sample;
      this.#differences.set(session, { session, ...check.difference, sample });
    }
    this.samples += samples;
  }

  /** What all batches showed. `sha256` is the checkpoint's. */
  verification({ description }: Program, sha256: string): Verification {
    return {
      samples: this.samples,
      compared: Math.max(...this.#compared.values()),
      sessions: this.#sessions,
      differences: [...this.#differences.values()],
      sameSource: description?.source.sha256 === sha256,
    };
  }
}

/** The checkpoint as it was converted. */
function readFor(program: Program, bytes: Uint8Array, arch: string | undefined): Checkpoint {
  if (!program.description) throw new InputError("the blob has no description, so its tensors cannot be named");
  const checkpoint = readCheckpoint(bytes, importOptions(program.description.converter.choices), arch);
  for (const { name, unit } of program.description.inputs) {
    const input = checkpoint.graph.inputs.find((each) => each.name === name);
    if (!input?.integers || isIdentity(unit)) continue;
    throw new InputError(
      `input "${name}": an element e of the blob stands for ${unitText(unit, "e")}, but the checkpoint takes integers as they are`,
    );
  }
  return checkpoint;
}

/** What the checkpoint computes: integers of every value, and outputs. */
interface Expected {
  integers: Map<string, Float64Array>;
  outputs: Float32Array[];
}

function expectedOf({ graph }: Checkpoint, program: Program, inputs: readonly InputRows[], rows: number): Expected {
  const real = inputs.map((elements, i) => {
    if (elements instanceof Float32Array) return elements;
    const { channels } = program.tensors[program.inputs[i]!]!;
    const real = realOf(program.description!.inputs[i]!.unit, channels);
    return Float32Array.from(elements, (element, j) => real(element, j % channels));
  });
  const integers = new Map<string, Float64Array>();
  const outputs = evaluate(graph, real, rows, (value, seen) => integers.set(value, seen));
  return { integers, outputs };
}

/** Compares all that a session computes for some rows with what it should. */
function checkRows(
  session: Session,
  expected: Expected,
  inputs: readonly InputRows[],
  rows: number,
): { compared: number; difference?: Found } {
  const { program } = session;
  const { tensors, outputs } = program.description!;
  let compared = 0;
  let difference: Found | undefined;
  const see = (tensor: number, elements: Int32Array, firstRow: number) => {
    const described = tensors[tensor];
    if (!described || difference) return;
    const { channels, dtype } = program.tensors[tensor]!;
    const size = elementCount(program.tensors[tensor]!);
    const integers = expected.integers.get(described.value);
    if (!integers) throw new InputError(`the checkpoint has no value "${described.value}", which the blob computes`);
    compared += elements.length;
    const at = elements.findIndex((element, i) => {
      return element + offsetOf(described.offset, i % channels) !== integers[firstRow * size + i];
    });
    if (at >= 0) {
      difference = {
        what: dtype !== "i32" ? "codes" : isIndex(program, tensor) ? "index" : "accumulators",
        value: described.value,
        sample: firstRow + Math.floor(at / size),
        channel: at % size,
        found: elements[at]! + offsetOf(described.offset, at % channels),
        expected: integers[firstRow * size + at]!,
      };
    }
  };
  const results = session.run(inputs, { see });
  results.forEach(({ scores }, i) => {
    const wanted = expected.outputs[i]!;
    compared += scores.length;
    const at = scores.findIndex((score, j) => !(Math.abs(orderKey(score) - orderKey(wanted[j]!)) <= SCORE_ULPS));
    if (at < 0 || difference) return;
    const channels = scores.length / rows;
    difference = {
      what: "scores",
      value: outputs[i]!.name,
      sample: Math.floor(at / channels),
      channel: at % channels,
      found: scores[at]!,
      expected: wanted[at]!,
    };
  });
  return { compared, ...(difference && { difference }) };
}

function isIndex({ ops }: Program, tensor: number): boolean {
  return ops.some(({ kind, output }) => kind === "argmax" && output === tensor);
}

function offsetOf(offset: readonly number[], channel: number): number {
  return offset[offset.length === 1 ? 0 : channel]!;
}
