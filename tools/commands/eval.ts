import { defineCommand } from "citty";
import { classCount } from "../../host/describe.ts";
import type { Output, Program, Session } from "../../host/index.ts";
import { readFile } from "../files.ts";
import { readLabels, readSamples, type Samples } from "../samples.ts";
import { openSession, SESSION_ARGS } from "../sessions.ts";
import { startProgress } from "../terminal/progress.ts";
import { formatCount, formatShare, formatTable } from "../terminal/table.ts";
import { countOption } from "../usage.ts";

/** How often a model is right. */
export interface Evaluation {
  samples: number;
  right: number;
  accuracy: number;
  /** confusion[label][answer]: how many samples. */
  confusion: number[][];
  classes: string[];
  /** Wall time of the runs. */
  ms: number;
}

/** Above so many classes a matrix is too wide to read: then the most frequent mistakes are listed. */
const MATRIX_CLASSES = 20;
const LISTED_MISTAKES = 10;

/** Runs a model on the first `limit` pictures of a file and compares its answers with the labels. */
export async function evaluate(session: Session, images: string, labels: string, limit?: number): Promise<Evaluation> {
  const { program } = session;
  const samples = await readSamples(images, program);
  const names = classNames(program);
  const expected = await readLabels(labels, samples.rows, names.length);
  return evaluateRows(session, firstRows(samples, limit), expected, names);
}

function evaluateRows(session: Session, samples: Samples, labels: ArrayLike<number>, classes: string[]): Evaluation {
  const progress = startProgress("Evaluating", samples.rows);
  const start = performance.now();
  const [output] = session.run(samples.elements, { onProgress: (done) => progress.update(done) });
  const ms = performance.now() - start;
  progress.end();
  const confusion = classes.map(() => classes.map(() => 0));
  for (let row = 0; row < samples.rows; row++) confusion[labels[row]!]![answer(output!, row, samples.rows)]!++;
  const right = confusion.reduce((sum, line, label) => sum + line[label]!, 0);
  return { samples: samples.rows, right, accuracy: right / samples.rows, confusion, classes, ms };
}

function firstRows(samples: Samples, limit = samples.rows): Samples {
  const rows = Math.min(samples.rows, limit);
  return { ...samples, rows, elements: samples.elements.subarray(0, (samples.elements.length / samples.rows) * rows) };
}

/** Class of a row: the index that an argmax gave, else the first among the greatest scores. */
export function answer({ scores, shape }: Output, row: number, rows: number): number {
  if (shape.length === 0) return scores[row]!;
  const channels = scores.length / rows;
  const own = scores.subarray(row * channels, (row + 1) * channels);
  return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
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
  const lines =
    classes.length <= MATRIX_CLASSES ? formatMatrix(confusion, classes) : formatMistakes(confusion, classes);
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
  return formatTable("llr", [["is", "said", "times"], ...lines]);
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
    json: { type: "boolean", description: "Print the result as JSON" },
  },
  async run({ args }) {
    const limit = countOption("limit", args.limit);
    const session = await openSession(await readFile(args.model), args);
    const evaluation = await evaluate(session, args.images, args.labels, limit);
    console.log(args.json ? JSON.stringify(evaluation, null, 2) : formatEvaluation(evaluation).join("\n"));
  },
});
