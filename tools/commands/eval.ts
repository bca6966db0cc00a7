import { defineCommand } from "citty";
import { classCount } from "../../host/describe.ts";
import type { Program } from "../../host/index.ts";
import { shown } from "../../host/printable.ts";
import { BATCH_ROWS } from "../../host/verify.ts";
import { readFile } from "../files.ts";
import { openSamples, readLabels } from "../samples.ts";
import { engineOption, SESSION_ARGS, type SessionOptions, WORKERS_ARG, workersOption } from "../sessions.ts";
import { openAnswers } from "../tasks.ts";
import { printResult } from "../terminal/print.ts";
import { showWork, startProgress } from "../terminal/progress.ts";
import { screenColumns } from "../terminal/screen.ts";
import { formatCount, formatShare, formatTable } from "../terminal/table.ts";
import { runBatches } from "../threads/run_batches.ts";
import { countOption } from "../usage.ts";

/** How often a model is right. */
export interface Evaluation {
  samples: number;
  right: number;
  accuracy: number;
  /** confusion[label][answer]: how many samples. */
  confusion: number[][];
  classes: string[];
  /** Wall time of the runs, reading included. */
  ms: number;
}

/** Above so many classes a matrix is too wide to read: then the most frequent mistakes are listed. */
const MATRIX_CLASSES = 20;
const LISTED_MISTAKES = 10;
const CLASS_CHARACTERS = 24;

export interface EvaluateOptions extends SessionOptions {
  /** Samples to take, from the first on. All if not given. */
  limit?: number | undefined;
  /** Threads, as `runBatches` takes them. */
  workers?: number | undefined;
}

/** Runs a model on the pictures of a file and compares its answers with the labels. */
export async function evaluate(
  blob: Uint8Array,
  images: string,
  labels: string,
  { limit, workers, engine, weights }: EvaluateOptions,
): Promise<Evaluation> {
  const options = { blob, engine, weights };
  const task = await showWork("Opening the model", () => openAnswers(options));
  const { program } = task.session;
  const classes = classNames(program);
  const samples = openSamples(images, program, limit);
  const progress = startProgress("Evaluating", samples.rows);
  try {
    const expected = await readLabels(labels, samples.total, classes.length);
    const confusion = classes.map(() => classes.map(() => 0));
    const start = performance.now();
    let row = 0;
    const count = Math.ceil(samples.rows / BATCH_ROWS);
    const batches = samples.batches(BATCH_ROWS);
    for await (const answers of runBatches({ name: "answers", options, task, batches, count, workers })) {
      for (const said of answers) confusion[expected[row++]!]![said]!++;
      progress.update(row);
    }
    const ms = performance.now() - start;
    const right = confusion.reduce((sum, line, label) => sum + line[label]!, 0);
    return { samples: row, right, accuracy: right / row, confusion, classes, ms };
  } finally {
    progress.end();
    samples.close();
    task.close();
  }
}

function classNames(program: Program): string[] {
  const names = program.description?.outputs[0]?.classes;
  return Array.from({ length: classCount(program, 0) }, (_, c) => names?.[c] ?? String(c));
}

export function formatAccuracy({ samples, right, accuracy, ms }: Evaluation): string {
  const rate = `${(ms / 1000).toFixed(2)} s, ${formatCount(Math.round((samples / ms) * 1000))} samples a second`;
  return `${formatShare(accuracy, 2)} right: ${formatCount(right)} of ${formatCount(samples)}, in ${rate}`;
}

function formatEvaluation(evaluation: Evaluation): string[] {
  const { confusion, classes } = evaluation;
  const names = classes.map((name) => shown(name, CLASS_CHARACTERS));
  const matrix = classes.length <= MATRIX_CLASSES ? formatMatrix(confusion, names) : [];
  const fits = matrix.length > 0 && matrix.every((line) => line.length <= screenColumns());
  const lines = fits ? matrix : formatMistakes(confusion, names);
  return [formatAccuracy(evaluation), "", ...lines];
}

function formatMatrix(confusion: number[][], classes: string[]): string[] {
  const lines = confusion.map((line, label) => [
    classes[label]!,
    ...line.map((count) => (count === 0 ? "·" : String(count))),
  ]);
  return formatTable("r".repeat(classes.length + 1), [["is \\ said", ...classes], ...lines]);
}

function formatMistakes(confusion: number[][], classes: string[]): string[] {
  const mistakes = confusion.flatMap((line, label) =>
    line.map((count, said) => ({ label, said, count: label === said ? 0 : count })),
  );
  const worst = mistakes.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  const lines = worst
    .slice(0, LISTED_MISTAKES)
    .map(({ label, said, count }) => [classes[label]!, classes[said]!, String(count)]);
  return formatTable("llr", [["is", "said", "times"], ...lines], { headed: true });
}

export default defineCommand({
  meta: { name: "eval", description: "Measure how often a blob is right on labelled samples" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as `tern convert` writes it" },
    images: { type: "string", required: true, valueHint: "file", description: "Samples: .npy or idx" },
    labels: {
      type: "string",
      required: true,
      valueHint: "file",
      description: "Their classes: .npy or idx",
    },
    limit: { type: "string", valueHint: "N", description: "Take only the first N samples" },
    ...SESSION_ARGS,
    ...WORKERS_ARG,
    json: { type: "boolean", description: "Print the result as JSON" },
  },
  async run({ args }) {
    const [limit, workers] = [countOption("limit", args.limit), workersOption(args.workers, args.engine)];
    const engine = engineOption(args.engine);
    const blob = await readFile(args.model);
    const evaluation = await evaluate(blob, args.images, args.labels, { ...args, engine, limit, workers });
    printResult(
      args.json,
      () => evaluation,
      () => formatEvaluation(evaluation),
    );
  },
});
