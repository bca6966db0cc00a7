import { createHash } from "node:crypto";
import { defineCommand } from "citty";
import { type Difference, readBlob, type SelfTestResult, selfTest, type Verification } from "../../host/index.ts";
import { shown } from "../../host/printable.ts";
import { BATCH_ROWS, Tally } from "../../host/verify.ts";
import { readFile } from "../files.ts";
import { openSamples, seededSamples } from "../samples.ts";
import { ENGINE_ARG, engineOption, WORKERS_ARG, workersOption } from "../sessions.ts";
import { openChecks, type Task } from "../tasks.ts";
import { joinTexts, paint, type Text } from "../terminal/paint.ts";
import { printResult } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { screenColumns } from "../terminal/screen.ts";
import { formatCount, formatTable, plural } from "../terminal/table.ts";
import { wrapText } from "../terminal/wrap.ts";
import { runBatches } from "../threads/run_batches.ts";
import { countOption } from "../usage.ts";

/** Seeded samples where none are given, and the most of them: all are made at once. */
const SAMPLES = 256;
const MAX_SAMPLES = 65_536;

/** What a proof found. */
export interface Proof extends Verification {
  /** What each session made of the golden pairs that the blob carries. */
  selfTest: Record<string, SelfTestResult>;
  /** Engines that are not here, and why. */
  missing: string[];
}

export interface ProveOptions {
  /** A file of samples; seeded ones if not given. */
  inputs?: string | undefined;
  /** Samples to take. All of a file if not given, or SAMPLES seeded ones. */
  limit?: number | undefined;
  /** Threads, as `runBatches` takes them. */
  workers?: number | undefined;
  /** The one engine to prove it in, beside the reference. */
  engine?: string | undefined;
}

/** Proves a blob against its checkpoint, in every engine that is here if not told which, on samples from a file or on seeded ones. */
export async function prove(model: string, source: string, options: ProveOptions = {}): Promise<Proof> {
  const [blob, checkpoint] = [await readFile(model), await readFile(source)];
  const program = readBlob(blob);
  const { inputs, limit, workers, engine } = options;
  const samples = inputs ? openSamples(inputs, program, limit) : seededSamples(program, limit ?? SAMPLES);
  const progress = startProgress("Verifying", samples.rows);
  let task: Task<"checks"> | undefined;
  try {
    const sources = { blob, checkpoint, engine };
    task = await openChecks(sources); // "0 %" is shown meanwhile
    const tally = new Tally(Object.keys(task.sessions));
    const batches = samples.batches(BATCH_ROWS);
    const count = Math.ceil(samples.rows / BATCH_ROWS);
    for await (const check of runBatches({ name: "checks", options: sources, task, batches, count, workers })) {
      tally.add(check);
      progress.update(tally.samples);
    }
    const sha256 = createHash("sha256").update(checkpoint).digest("hex");
    const pairs = Object.entries(task.sessions).map(([name, session]) => [name, selfTest(session)] as const);
    return { ...tally.verification(program, sha256), selfTest: Object.fromEntries(pairs), missing: task.missing };
  } finally {
    progress.end();
    samples.close();
    task?.close();
  }
}

/** Whether nothing differs; and nothing is missing, where TERN_REQUIRE_ALL=1 asks for that. */
export function isProven({ differences, selfTest, missing }: Proof): boolean {
  const complete = missing.length === 0 || process.env.TERN_REQUIRE_ALL !== "1";
  return complete && differences.length === 0 && Object.values(selfTest).every(({ wrong }) => wrong.length === 0);
}

export function formatProof(proof: Proof): Text[] {
  const lines = proof.sessions.map((name) => {
    const differs = proof.differences.some(({ session }) => session === name);
    const { pairs, wrong } = proof.selfTest[name]!;
    const right = `self-test: ${pairs - wrong.length} of ${pairs} right`;
    return [`  ${name}`, differs ? paint("red", "differs") : paint("green", "equal"), pairs > 0 ? right : ""];
  });
  return [
    `${plural(proof.samples, "sample")}, ${formatCount(proof.compared)} numbers compared in each of ${plural(lines.length, "session")}:`,
    ...formatTable("lll", lines),
    ...proof.differences.map(formatDifference),
    ...proof.missing.flatMap(formatMissing),
    ...(proof.sameSource ? [] : ["warning: the blob was made from another file than this checkpoint"]),
    isProven(proof) ? "The blob computes what the checkpoint computes." : paint("red", "NOT PROVEN."),
  ];
}

function formatMissing(why: string): Text[] {
  const [first, ...rest] = wrapText(`: ${why}`, Math.min(80, screenColumns()) - "  missing".length);
  return [joinTexts(["  ", paint("yellow", "missing"), first!]), ...rest];
}

function formatDifference({ session, what, value, sample, channel, found, expected }: Difference): string {
  return `${session}: ${what} "${shown(value)}", sample ${sample}, channel ${channel}: found ${found}, expected ${expected}`;
}

export default defineCommand({
  meta: {
    name: "verify",
    description: "Prove that a blob computes what its checkpoint computes",
  },
  args: {
    model: { type: "positional", required: true, description: "Blob, as `tern convert` writes it" },
    checkpoint: { type: "positional", required: true, description: "The checkpoint that it was made from" },
    inputs: { type: "string", valueHint: "file", description: "Samples: .npy, idx or PNG; else seeded ones" },
    limit: {
      type: "string",
      valueHint: "N",
      description: `Take N samples, else all, or ${SAMPLES} seeded ones`,
    },
    engine: { ...ENGINE_ARG, description: "The engine to prove it in, else all here" },
    ...WORKERS_ARG,
    json: { type: "boolean", description: "Print the result as JSON" },
  },
  async run({ args }) {
    const limit = countOption("limit", args.limit, args.inputs ? undefined : MAX_SAMPLES);
    const workers = workersOption(args.workers, args.engine);
    const { inputs } = args;
    const engine = args.engine === undefined ? undefined : engineOption(args.engine);
    const proof = await prove(args.model, args.checkpoint, { inputs, engine, limit, workers });
    printResult(
      args.json,
      () => ({ proven: isProven(proof), ...proof }),
      () => formatProof(proof),
    );
    if (!isProven(proof)) process.exitCode = 1;
  },
});
