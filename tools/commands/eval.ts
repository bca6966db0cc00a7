import { defineCommand } from "citty";
import { shown } from "../../host/base/printable.ts";
import { InputError, type Program, readBlob } from "../../host/index.ts";
import type { ActivationDtype } from "../../host/program.ts";
import { classCount, type Readout, readoutOf, scores } from "../../host/run/describe.ts";
import { BATCH_ROWS } from "../../host/verify.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { openSamples, readLabels } from "../inputs/samples.ts";
import { JSON_ARG } from "../options/json.ts";
import {
  engineOption,
  isDevice,
  SESSION_ARGS,
  type SessionOptions,
  WORKERS_ARG,
  workersOption,
  workOption,
} from "../options/sessions.ts";
import { countOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { screenColumns } from "../terminal/screen.ts";
import { formatCount, formatShare, formatTable } from "../terminal/table.ts";
import { type OpenTask, openTask, runBatches } from "../threads/run_batches.ts";

/** How often a model is right. */
export interface Evaluation {
  samples: number;
  right: number;
  accuracy: number;
  /** confusion[label][answer]: how many samples. */
  confusion: number[][];
  classes: string[];
  /** The output that tells the class, and how: its index, the sign of its one score, or the greatest of its scores. */
  output: string;
  readout: Readout;
  /** Where the samples come from, and what their elements are to the model. */
  input: string;
  /** Wall time of the runs, reading included. */
  ms: number;
}

/** Above so many classes a matrix is too wide to read: then the most frequent mistakes are listed. */
const MATRIX_CLASSES = 20;
const LISTED_MISTAKES = 10;
const CLASS_CHARACTERS = 24;

export interface EvaluateOptions extends SessionOptions {
  /** Which output tells the class, by its name or index. There has to be one only, if not given. */
  output?: string | undefined;
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
  { limit, workers, engine, weights, output, maxOperations }: EvaluateOptions,
): Promise<Evaluation> {
  const program = readBlob(blob);
  const index = outputNamed(program, output);
  const options = { blob, engine, weights, output: index, maxOperations };
  const classes = classNames(program, index);
  const samples = openSamples(images, program, limit);
  const progress = startProgress("Evaluating", samples.rows);
  let task: OpenTask<"answers"> | undefined;
  try {
    task = await openTask("answers", options, isDevice(engine));
    const expected = await readLabels(labels, samples.total, classes.length);
    const confusion = classes.map(() => classes.map(() => 0));
    const start = performance.now();
    let row = 0;
    const count = Math.ceil(samples.rows / BATCH_ROWS);
    const batches = samples.batches(BATCH_ROWS);
    for await (const answers of runBatches({ task, batches, count, workers })) {
      for (const said of answers) confusion[expected[row++]!]![said]!++;
      progress.update(row);
    }
    const ms = performance.now() - start;
    const right = confusion.reduce((sum, line, label) => sum + line[label]!, 0);
    const told = { output: outputNames(program)[index]!, readout: readoutOf(program, index) };
    return { samples: row, right, accuracy: right / row, confusion, classes, ...told, input: samples.meaning, ms };
  } finally {
    progress.end();
    samples.close();
    await task?.close();
  }
}

function classNames(program: Program, output: number): string[] {
  const names = program.description?.outputs[output]?.classes;
  return Array.from({ length: classCount(program, output) }, (_, c) => names?.[c] ?? String(c));
}

function outputNames({ outputs, description }: Program): string[] {
  return outputs.map((_, i) => description?.outputs[i]?.name ?? String(i));
}

/** Index of the output that a name or an index means: the only one, if there is neither. */
function outputNamed(program: Program, text: string | undefined): number {
  const names = outputNames(program);
  const expected = `${names.join(", ")}, or 0 to ${names.length - 1}`;
  if (text === undefined && names.length > 1) {
    throw new UsageError(`the model has ${names.length} outputs: --output says which has the classes, ${expected}`);
  }
  const named = text === undefined ? 0 : names.indexOf(text);
  const index = named < 0 && /^\d+$/.test(text!) ? Number(text) : named;
  if (!(index >= 0 && index < names.length)) throw new UsageError(`--output "${text}", expected ${expected}`);
  checkSign(program, index, names[index]!);
  return index;
}

/** Elements to try, by dtype: all, or the ends. */
const ELEMENTS: Partial<Record<ActivationDtype, Int32Array>> = {
  bit: Int32Array.of(-1, 1),
  u8: Int32Array.from({ length: 256 }, (_, i) => i),
  i8: Int32Array.from({ length: 256 }, (_, i) => i - 128),
  i32: Int32Array.of(-(2 ** 31), -1, 0, 1, 2 ** 31 - 1),
};

/** Refuses one score whose sign is always the same, such as a probability. */
function checkSign(program: Program, index: number, name: string): void {
  const description = program.description?.outputs[index];
  const tensor = program.tensors[program.outputs[index]!]!;
  const elements = ELEMENTS[tensor.dtype];
  if (readoutOf(program, index) !== "sign" || !description || !elements) return;
  const all = scores(description, tensor, elements);
  const [least, greatest] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  if (least < 0 && greatest >= 0) return;
  const range = least < 0 ? "always below 0" : `at least ${least}`;
  throw new InputError(
    `output "${name}" is one score, ${range}: its sign tells no class. Expected a score for each class, or one that is below 0 for class 0`,
  );
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
  const { readout, output } = evaluation;
  const how = readout === "sign" ? [`class 1 where output "${shown(output)}" is at least 0, else class 0`] : [];
  return [evaluation.input, formatAccuracy(evaluation), ...how, "", ...lines];
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

export const EXAMPLE = "eval model.tern --images x.npy --labels y.npy";

export default defineCommand({
  meta: { name: "eval", description: "Measure how often a blob is right on labelled samples" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    images: { type: "string", required: true, valueHint: "file", description: "Samples: .npy or idx" },
    labels: {
      type: "string",
      required: true,
      valueHint: "file",
      description: "Their classes: .npy or idx",
    },
    output: {
      type: "string",
      valueHint: "NAME|INDEX",
      description:
        "The output that tells the class, where there are several.\nOne score tells two classes: 1 where it is at least 0",
    },
    limit: { type: "string", valueHint: "N", description: "Take only the first N samples" },
    ...SESSION_ARGS,
    ...WORKERS_ARG,
    ...JSON_ARG,
  },
  async run({ args }) {
    const [limit, workers] = [countOption("limit", args.limit), workersOption(args.workers, args.engine)];
    const engine = engineOption(args.engine);
    const blob = await readModel(args.model);
    const { weights, output } = args;
    const maxOperations = workOption(args["limit-work"]);
    const options = { engine, weights, output, limit, workers, maxOperations };
    const evaluation = await namingFiles({ model: args.model }, () =>
      evaluate(blob, args.images, args.labels, options),
    );
    printResult(
      args.json,
      () => evaluation,
      () => formatEvaluation(evaluation),
    );
  },
});
