import { createHash } from "node:crypto";
import { defineCommand } from "citty";
import { CheckpointError, TernError } from "../../host/base/errors.ts";
import { shown } from "../../host/base/printable.ts";
import { type Difference, type Program, readBlob, type SelfTestResult, type Verification } from "../../host/index.ts";
import { BATCH_ROWS, Tally } from "../../host/verify.ts";
import { readCheckpointFile } from "../files/checkpoints.ts";
import { namingFiles, readArchFile, readModel } from "../files/models.ts";
import { nameOf } from "../files/stdio.ts";
import { type Comparison, compareWithFile } from "../inputs/expected.ts";
import { openSamples, readSamples, seededSamples } from "../inputs/samples.ts";
import { ARCH_ARG } from "../options/arch.ts";
import { JSON_ARG } from "../options/json.ts";
import {
  ENGINE_ARG,
  engineOption,
  isDevice,
  WORK_ARG,
  WORKERS_ARG,
  workersOption,
  workOption,
} from "../options/sessions.ts";
import { countOption, UsageError } from "../options/usage.ts";
import { joinTexts, paint, type Text } from "../terminal/paint.ts";
import { printResult } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { screenColumns } from "../terminal/screen.ts";
import { formatCount, formatTable, plural } from "../terminal/table.ts";
import { wrapText } from "../terminal/wrap.ts";
import { type OpenTask, openTask, runBatches } from "../threads/run_batches.ts";
import { runSamples } from "../threads/run_samples.ts";

/** Seeded samples where none are given, and the most of them: all are made at once. */
const SAMPLES = 256;
/** That of scores of float networks, whose sums other tools add up in another order. */
const TOLERANCE = 1e-4;
const MAX_SAMPLES = 65_536;

/** What a proof found. */
export interface Proof extends Verification {
  /** Where the samples come from, and what their elements are to the model. */
  input: string;
  /** What each session made of the golden pairs that the blob carries. */
  selfTest: Record<string, SelfTestResult>;
  /** Engines that are not here, and why. */
  missing: string[];
  /** The file that the blob says it was made of, where it says so, and the checkpoint. */
  madeOf?: Source;
  checkpoint: Source;
  /** How V8's scores compare with another tool's, if those were given. */
  comparison?: Comparison;
  /** Whether the network described by hand is another text than the one that the blob was made with. */
  otherArch: boolean;
}

interface Source {
  file: string;
  sha256: string;
}

export interface ProveOptions {
  /** A file with a network described by hand, for a blob that was made with one. */
  arch?: string | undefined;
  /** A file of samples; seeded ones if not given. */
  inputs?: string | undefined;
  /** Samples to take. All of a file if not given, or SAMPLES seeded ones. */
  limit?: number | undefined;
  /** Threads, as `runBatches` takes them. */
  workers?: number | undefined;
  /** The one engine to prove it in, beside the reference. */
  engine?: string | undefined;
  /** Operations that a row may take (host/run/work.ts). */
  maxOperations?: number | undefined;
  /** A file of what another tool computes for `inputs`, and how far from that scores may be (inputs/expected.ts). */
  expected?: { path: string; tolerance: number } | undefined;
}

/** Proves a blob against its checkpoint, in every engine that is here if not told which, on samples from a file or on seeded ones. */
export async function prove(model: string, source: string, options: ProveOptions = {}): Promise<Proof> {
  const [blob, checkpoint] = [await readModel(model), await readCheckpointFile(source)];
  const program = await namingFiles({ model }, async () => readBlob(blob));
  const sha256 = createHash("sha256").update(checkpoint).digest("hex");
  const checkpointSource = { file: nameOf(source), sha256 };
  const madeOf = program.description && {
    file: program.description.source.file,
    sha256: program.description.source.sha256,
  };
  const { inputs, limit, workers, engine, maxOperations } = options;
  const arch = options.arch === undefined ? undefined : await readArchFile(options.arch);
  const archSha256 = arch === undefined ? undefined : createHash("sha256").update(arch).digest("hex");
  const samples = inputs ? openSamples(inputs, program, limit) : seededSamples(program, limit ?? SAMPLES);
  const progress = startProgress("Verifying", samples.rows);
  let task: OpenTask<"checks"> | undefined;
  try {
    const sources = { blob, checkpoint, arch, engine, maxOperations };
    task = await namingFiles({ model, checkpoint: source }, () => openTask("checks", sources, isDevice(engine ?? ""))); // "0 %" is shown meanwhile
    const { sessions, missing, selfTest } = task.about;
    const tally = new Tally(sessions);
    const batches = samples.batches(BATCH_ROWS);
    const count = Math.ceil(samples.rows / BATCH_ROWS);
    for await (const check of runBatches({ task, batches, count, workers })) {
      tally.add(check);
      progress.update(tally.samples);
    }
    const comparison = options.expected && (await compared(program, blob, options));
    return {
      ...tally.verification(program, sha256),
      ...(comparison && { comparison }),
      input: samples.meaning,
      selfTest,
      missing,
      ...(madeOf && { madeOf }),
      checkpoint: checkpointSource,
      otherArch: program.description?.converter.choices.arch !== archSha256,
    };
  } catch (error) {
    if (error instanceof TernError && !(error instanceof CheckpointError) && madeOf && madeOf.sha256 !== sha256) {
      error.message += `; ${formatSources(madeOf, checkpointSource)}`;
    }
    throw error;
  } finally {
    progress.end();
    samples.close();
    await task?.close();
  }
}

/** Scores of a model of one output, in V8, beside another tool's. */
async function compared(program: Program, blob: Uint8Array, options: ProveOptions): Promise<Comparison> {
  const { inputs, limit, maxOperations, expected } = options;
  if (inputs === undefined) throw new UsageError("--expected: found no --inputs, for which it holds the outputs");
  if (program.outputs.length > 1) {
    throw new UsageError(`--expected: the model has ${program.outputs.length} outputs, expected one`);
  }
  const samples = readSamples(inputs, program, limit);
  const { outputs } = await runSamples(
    program,
    samples,
    { blob, weights: "resident", engine: "v8", maxOperations },
    undefined,
  );
  return compareWithFile(outputs[0]!, samples.rows, expected!.path, expected!.tolerance);
}

/** Whether nothing differs, nor is further from what was expected than it may be; and nothing is missing, where TERN_REQUIRE_ALL=1 asks for that. */
export function isProven({ differences, selfTest, missing, comparison }: Proof): boolean {
  const complete = missing.length === 0 || process.env.TERN_REQUIRE_ALL !== "1";
  const isExpected = comparison === undefined || comparison.beyond === 0;
  return (
    complete &&
    isExpected &&
    differences.length === 0 &&
    Object.values(selfTest).every(({ wrong }) => wrong.length === 0)
  );
}

/** What to say of a checkpoint that the blob was not made of. */
function formatSources(madeOf: Source, checkpoint: Source): string {
  const name = ({ file, sha256 }: Source) =>
    `${file ? shown(file) : "a file without a name"} (sha256 ${shown(sha256, 16)})`;
  return `the blob was made of ${name(madeOf)}, this is ${name(checkpoint)}`;
}

export function formatProof(proof: Proof): Text[] {
  const other = !proof.sameSource && proof.madeOf ? formatSources(proof.madeOf, proof.checkpoint) : undefined;
  const lines = proof.sessions.map((name) => {
    const differs = proof.differences.some(({ session }) => session === name);
    const { pairs, wrong } = proof.selfTest[name]!;
    const right = `self-test: ${pairs - wrong.length} of ${pairs} right`;
    return [`  ${name}`, differs ? paint("red", "differs") : paint("green", "equal"), pairs > 0 ? right : ""];
  });
  return [
    proof.input,
    `${plural(proof.samples, "sample")}, ${formatCount(proof.compared)} numbers compared in each of ${plural(lines.length, "session")}:`,
    ...formatTable("lll", lines),
    ...proof.differences.map(formatDifference),
    ...(proof.comparison ? formatComparison(proof.comparison) : []),
    ...proof.missing.flatMap(formatMissing),
    ...(other === undefined ? [] : wrapText(`warning: ${other}`)),
    ...(proof.otherArch ? wrapText("warning: the blob was made with another text of the arch") : []),
    isProven(proof) ? "The blob computes what the checkpoint computes." : paint("red", "NOT PROVEN."),
  ];
}

function formatComparison(comparison: Comparison): Text[] {
  const { file, numbers, tolerance, beyond, greatest, sameAnswers, samples } = comparison;
  const { difference, sample, channel, found, expected } = greatest;
  const within = beyond === 0 ? paint("green", "all within") : paint("red", `${formatCount(beyond)} beyond`);
  const where = `sample ${sample}, channel ${channel}: found ${found}, expected ${expected}`;
  return [
    joinTexts([`${shown(file)}: ${plural(numbers, "number")}, `, within, ` ${tolerance} · (1 + |expected|)`]),
    `  greatest difference ${difference.toPrecision(3)}: ${where}`,
    `  the greatest score is the same in ${formatCount(sameAnswers)} of ${plural(samples, "sample")}`,
  ];
}

function formatMissing(why: string): Text[] {
  const [first, ...rest] = wrapText(`: ${why}`, Math.min(80, screenColumns()) - "  missing".length);
  return [joinTexts(["  ", paint("yellow", "missing"), first!]), ...rest];
}

function formatDifference({ session, what, value, sample, channel, found, expected }: Difference): string {
  return `${session}: ${what} "${shown(value)}", sample ${sample}, channel ${channel}: found ${found}, expected ${expected}`;
}

function expectedOption(path: string | undefined, tolerance: string | undefined): ProveOptions["expected"] {
  if (path === undefined) {
    if (tolerance !== undefined) throw new UsageError("--tolerance: found no --expected, which it is of");
    return undefined;
  }
  const number = tolerance === undefined ? TOLERANCE : Number(tolerance);
  if (!(number >= 0 && number < 1) || tolerance?.trim() === "") {
    throw new UsageError(`--tolerance "${shown(tolerance ?? "")}": expected a number from 0 to below 1`);
  }
  return { path, tolerance: number };
}

export const EXAMPLE = "verify model.tern model.onnx --inputs pictures.npy";

export default defineCommand({
  meta: {
    name: "verify",
    description: "Prove that a blob computes what its checkpoint computes",
  },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    checkpoint: { type: "positional", required: true, description: "The checkpoint that it was made from" },
    ...ARCH_ARG,
    inputs: { type: "string", valueHint: "file", description: "Samples: .npy, idx or PNG; else seeded ones" },
    limit: {
      type: "string",
      valueHint: "N",
      description: `Take N samples, else all, or ${SAMPLES} seeded ones`,
    },
    expected: {
      type: "string",
      valueHint: "out.npy",
      description: "What another tool computes for --inputs: compared with the scores",
    },
    tolerance: {
      type: "string",
      valueHint: "T",
      description: `How far from that: T · (1 + |expected|), else ${TOLERANCE}`,
    },
    engine: { ...ENGINE_ARG, description: "The engine to prove it in, else all here" },
    ...WORKERS_ARG,
    ...WORK_ARG,
    ...JSON_ARG,
  },
  async run({ args }) {
    const limit = countOption("limit", args.limit, args.inputs ? undefined : MAX_SAMPLES);
    const workers = workersOption(args.workers, args.engine);
    const { inputs, arch } = args;
    const engine = args.engine === undefined ? undefined : engineOption(args.engine);
    const maxOperations = workOption(args["limit-work"]);
    const expected = expectedOption(args.expected, args.tolerance);
    const options = { arch, inputs, engine, limit, workers, maxOperations, expected };
    const proof = await prove(args.model, args.checkpoint, options);
    printResult(
      args.json,
      () => ({ proven: isProven(proof), ...proof }),
      () => formatProof(proof),
    );
    if (!isProven(proof)) process.exitCode = 1;
  },
});
