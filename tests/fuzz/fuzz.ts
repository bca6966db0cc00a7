import { TernError } from "../../host/base/errors.ts";
import { Random } from "../graph/random.ts";
import { blobTarget } from "./blobs.ts";
import { READERS } from "./readers.ts";
import type { Target } from "./target.ts";

/** What can be fuzzed, and how many inputs the whole takes. */
export const COUNTS = {
  blobs: 500_000,
  onnx: 200_000,
  tflite: 100_000,
  weights: 200_000,
  pynq: 100_000,
  npy: 200_000,
  idx: 150_000,
  png: 150_000,
  gzip: 100_000,
  description: 150_000,
  selfTest: 50_000,
  uf2: 100_000,
} as const;

export type Name = keyof typeof COUNTS;

/** Most that one input may take. */
const MAX_SECONDS = 1;
const MAX_BYTES = 500e6;
/** Below this, no processor writes MAX_BYTES: memory, which is slow to ask for, need not be looked at. */
const MILLISECONDS_OF_MEMORY = 1;

/** An input that did what none may do. */
export interface Finding {
  name: Name;
  seed: number;
  problem: string;
}

/** What came of some inputs. */
export interface Result {
  /** How many inputs ended how. */
  outcomes: Record<string, number>;
  findings: Finding[];
  /** Most processor time of one input, and how far it raised the memory of the process. */
  worstMilliseconds: number;
  worstBytes: number;
}

export async function targetNamed(name: Name): Promise<Target> {
  return name === "blobs" ? blobTarget() : READERS[name];
}

/** Runs the inputs of some seeds. `onSeed` is told each before it runs, and what has come of those before it. */
export async function fuzz(
  name: Name,
  seeds: Iterable<number>,
  onSeed: (seed: number, before: Result) => void = () => {},
): Promise<Result> {
  const target = await targetNamed(name);
  const result = structuredClone(NOTHING);
  let highest = process.resourceUsage().maxRSS;
  for (const seed of seeds) {
    onSeed(seed, result);
    const { random, bytes } = inputOf(target, seed);
    const found = (problem: string) => result.findings.push({ name, seed, problem });
    const start = performance.now();
    let outcome: string;
    try {
      outcome = await target.run(bytes, random);
    } catch (error) {
      outcome = error instanceof TernError ? "refused" : "finding";
      if (outcome === "finding") found(error instanceof Error ? `${error.stack}` : `throws ${error}`);
    }
    result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1;
    let milliseconds = performance.now() - start;
    if (milliseconds > result.worstMilliseconds && milliseconds > 50) milliseconds = await processorTime(target, seed);
    result.worstMilliseconds = Math.max(result.worstMilliseconds, milliseconds);
    if (milliseconds > 1000 * MAX_SECONDS) found(`takes ${Math.round(milliseconds)} ms`);
    if (milliseconds < MILLISECONDS_OF_MEMORY) continue;
    const now = process.resourceUsage().maxRSS;
    const rise = 1024 * (now - highest);
    highest = now;
    result.worstBytes = Math.max(result.worstBytes, rise);
    if (rise > MAX_BYTES) found(`takes ${Math.round(rise / 1e6)} MB`);
  }
  return result;
}

/** The input of a seed, and the rest of its random numbers. */
export function inputOf(target: Target, seed: number): { random: Random; bytes: Uint8Array } {
  const random = new Random(Math.imul(seed, 0x9e3779b1)); // neighbours would begin alike
  return { random, bytes: target.input(random) };
}

/** Milliseconds of the processor that a second run takes: a busy machine and a cold start do not count. */
async function processorTime(target: Target, seed: number): Promise<number> {
  const { random, bytes } = inputOf(target, seed);
  const start = process.cpuUsage();
  try {
    await target.run(bytes, random);
  } catch {
    // it has been judged
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** What came of no inputs. */
export const NOTHING: Result = { outcomes: {}, findings: [], worstMilliseconds: 0, worstBytes: 0 };

/** How many inputs have ended. */
export function total({ outcomes }: Pick<Result, "outcomes">): number {
  return Object.values(outcomes).reduce((a, b) => a + b, 0);
}

/** The sum of what came of two sets of inputs. */
export function sum(a: Result, b: Result): Result {
  const outcomes = { ...a.outcomes };
  for (const [outcome, count] of Object.entries(b.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  return {
    outcomes,
    findings: [...a.findings, ...b.findings],
    worstMilliseconds: Math.max(a.worstMilliseconds, b.worstMilliseconds),
    worstBytes: Math.max(a.worstBytes, b.worstBytes),
  };
}
