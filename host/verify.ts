import { type Checkpoint, readCheckpoint } from "./checkpoint/index.ts";
import { InputError } from "./errors.ts";
import { evaluate } from "./graph/evaluate.ts";
import { orderKey } from "./numbers/order.ts";
import { parseQuantizer } from "./numbers/quantizer_text.ts";
import type { Program } from "./program.ts";
import type { InputRows, Session } from "./session.ts";

/** The first place where a blob and its checkpoint differ. */
export interface Difference {
  /** Session that differs: engine and where its weights lie. */
  session: string;
  /** "codes", "accumulators" or "scores". */
  what: string;
  /** Name of the graph's value. */
  value: string;
  sample: number;
  channel: number;
  found: number;
  expected: number;
}

export interface Verification {
  samples: number;
  /** Numbers compared in every session. */
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
  /** Sessions of the blob, by name. */
  sessions: Record<string, Session>;
  inputs: readonly InputRows[];
  /** Is told how many samples are done. */
  onProgress?: (done: number) => void;
}

/** Scores may differ by so many units in the last place of an f32 (design, D7). */
const SCORE_ULPS = 2;
/** Samples evaluated at a time: the evaluator keeps all values of them. */
const CHUNK = 64;

/**
 * Proves that a blob computes what its checkpoint computes: equal codes at every quantizer, equal accumulators, and scores within
 * 2 ulp of f32, for every sample in every session. Each session reports its first difference.
 */
export function verify(options: VerifyOptions): Verification {
  const { blob: program, inputs, sessions } = options;
  const checkpoint = readFor(program, options.checkpoint);
  const channels = program.inputs.map((tensor) => program.tensors[tensor]!.channels);
  const samples = inputs[0]!.length / channels[0]!;
  const differences = new Map<string, Difference>();
  let compared = 0;
  for (let first = 0; first < samples; first += CHUNK) {
    const rows = Math.min(CHUNK, samples - first);
    const chunk = inputs.map((elements, i) => elements.subarray(first * channels[i]!, (first + rows) * channels[i]!));
    const expected = expectedOf(checkpoint, program, chunk, rows);
    for (const [name, session] of Object.entries(sessions)) {
      if (differences.has(name)) continue;
      const check = checkRows(session, expected, chunk, rows);
      compared += check.compared;
      if (check.difference)
        differences.set(name, { session: name, ...check.difference, sample: first + check.difference.sample });
    }
    options.onProgress?.(first + rows);
  }
  return {
    samples,
    compared: compared / Object.keys(sessions).length,
    sessions: Object.keys(sessions),
    differences: [...differences.values()],
    sameSource: program.description?.source.sha256 === options.sha256,
  };
}

/** The checkpoint as it was converted. */
function readFor(program: Program, bytes: Uint8Array): Checkpoint {
  if (!program.description) throw new InputError("the blob has no description, so its tensors cannot be named");
  const { inputQuantizer } = program.description.converter.choices;
  return readCheckpoint(bytes, inputQuantizer ? { inputQuantizer: parseQuantizer(String(inputQuantizer)) } : {});
}

/** What the checkpoint computes: integers of every value, and outputs. */
interface Expected {
  integers: Map<string, Float64Array>;
  outputs: Float32Array[];
}

function expectedOf({ graph }: Checkpoint, program: Program, inputs: readonly InputRows[], rows: number): Expected {
  const real = inputs.map((elements, i) => {
    const { divide } = program.description!.inputs[i]!;
    return elements instanceof Float32Array ? elements : Float32Array.from(elements, (element) => element / divide);
  });
  const integers = new Map<string, Float64Array>();
  const outputs = evaluate(graph, real, rows, (value, seen) => integers.set(value, seen));
  return { integers, outputs };
}

type Found = Omit<Difference, "session">;

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
    const integers = expected.integers.get(described.value);
    if (!integers) throw new InputError(`the checkpoint has no value "${described.value}", which the blob computes`);
    compared += elements.length;
    const at = elements.findIndex((element, i) => {
      return element + offsetOf(described.offset, i % channels) !== integers[firstRow * channels + i];
    });
    if (at >= 0) {
      difference = {
        what: dtype === "i32" ? "accumulators" : "codes",
        value: described.value,
        sample: firstRow + Math.floor(at / channels),
        channel: at % channels,
        found: elements[at]! + offsetOf(described.offset, at % channels),
        expected: integers[firstRow * channels + at]!,
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

function offsetOf(offset: readonly number[], channel: number): number {
  return offset[offset.length === 1 ? 0 : channel]!;
}
