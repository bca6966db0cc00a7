import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type UnitOptions, unitOf, unitText } from "../../host/numbers/unit.ts";
import { readFile } from "../files/files.ts";
import { namingFiles } from "../files/models.ts";
import { writeFileAtomic, writeFilesAtomic } from "../files/outputs.ts";
import { printErrors } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { formatCount, formatShare } from "../terminal/table.ts";
import { curveCsv, curveSvg } from "./curve.ts";
import type { Dataset } from "./data/dataset.ts";
import { readData } from "./data/find.ts";
import { samplesFor } from "./data/samples.ts";
import { holdOut } from "./data/split.ts";
import type { Augmentation } from "./data/view.ts";
import { toQonnx } from "./export.ts";
import { planNetwork } from "./network.ts";
import { RECIPES } from "./recipes/index.ts";
import type { RecipeName } from "./recipes/names.ts";
import type { Recipe } from "./recipes/recipe.ts";
import { readSnapshot, type Settings, writeSnapshot } from "./snapshot.ts";
import { accuracy, type Course, type Epoch, type Progress, type Snapshot, train } from "./train.ts";

/** What `tern train` is asked for. What is left out, the recipe says. */
export interface Training {
  /** A network described by hand, as text. */
  arch: string;
  /** The word "digits", or a folder. */
  data: string;
  recipe: RecipeName;
  epochs: number | undefined;
  batch: number | undefined;
  rate: number | undefined;
  seed: number;
  augmentation: Augmentation & { crop: boolean };
  dropout: Recipe["dropout"] | undefined;
  /** Share of the samples to hold out; if not given a tenth, where the data have no test of their own. */
  heldOut: number | undefined;
  /** A pixel p stands for (p / 255 − mean) / std. */
  unit: Pick<UnitOptions, "mean" | "std">;
  /** Forgets where an earlier run stopped. */
  restart: boolean;
}

/** A training that ran to its end. */
export interface Ran {
  files: Files;
  bytes: number;
  curve: Epoch[];
  /** Samples that were learned from. */
  samples: number;
  /** How many of those that were not learned from are right, and of which: the data's test, or those held out. */
  test: { of: "test" | "held out"; samples: number; accuracy: number } | undefined;
}

/** What a training writes, beside each other. */
export interface Files {
  out: string;
  snapshot: string;
  csv: string;
  svg: string;
}

export function filesOf(out: string): Files {
  const base = out.replace(/\.onnx$/, "");
  return { out, snapshot: `${base}.training.safetensors`, csv: `${base}.csv`, svg: `${base}.svg` };
}

const HELD_OUT = 0.1;

/** How often it is written down where training stands, beside the ends of epochs. */
const KEEP_MS = 60_000;

/**
 * Trains a network and writes it as QONNX, with its curve as CSV and SVG. Where training stands is written down as it goes; the same training, started
 * again, goes on from there to the same end. Throws InputError for what does not fit, and for what cannot be written, which leaves what was written before.
 */
export async function runTraining(out: string, training: Training): Promise<Ran> {
  const network = planNetwork(training.arch);
  const { data: name, augmentation } = training;
  const recipe: Recipe = { ...RECIPES[training.recipe], ...(training.dropout && { dropout: training.dropout }) };
  const { epochs = recipe.epochs, batch = recipe.batch, rate = recipe.rate, seed } = training;
  const course: Course = { epochs, batch, rate, seed };

  const data = await readData(name, network.input.shape.length === 3 ? network.input.shape[2]! : 1);
  const share = training.heldOut ?? (data.test ? 0 : HELD_OUT);
  const split = holdOut(data.training, share, seed);
  const unit = unitOf({ scale: "1/255", ...training.unit }, data.training.shape.at(-1)!);
  const samplesOf = (some: Dataset) => samplesFor(network, some, unit, augmentation, name);
  const samples = samplesOf(split.training);
  const heldOut = split.heldOut && samplesOf(split.heldOut);
  const test = data.test && samplesOf(data.test);

  const settings: Settings = {
    network: digest(JSON.stringify(network.arch)),
    data: digest(data.training.elements, data.training.labels),
    recipe: training.recipe,
    ...Object.fromEntries(Object.entries(course).map(([key, value]) => [key, String(value)])),
    augment: JSON.stringify(augmentation),
    dropout: JSON.stringify(recipe.dropout),
    "hold-out": String(share),
    pixels: unitText(unit, "p"),
  };
  const files = filesOf(out);
  const from = training.restart
    ? undefined
    : await stoppedAt(files.snapshot, (bytes) => readSnapshot(bytes, network, settings, files.snapshot));

  let keptMs = performance.now();
  const keep = async (snapshot: Snapshot) => {
    await writeFileAtomic(files.snapshot, writeSnapshot(snapshot, settings));
    if (snapshot.curve.length > 0) await writeFilesAtomic(curveFiles(files, snapshot.curve));
    keptMs = performance.now();
  };
  const isDue = () => performance.now() - keptMs > KEEP_MS;
  const report = progressReport(epochs, from?.step ?? 0);
  const { tensors, curve } = await train(network, recipe, samples, course, { heldOut, from, report, keep, isDue });
  const bytes = toQonnx(network, recipe, tensors);
  await writeFilesAtomic([{ path: out, bytes }, ...curveFiles(files, curve)]);

  const others = test ?? heldOut;
  const tested = others && {
    of: test ? ("test" as const) : ("held out" as const),
    samples: others.count,
    accuracy: await accuracy(network, recipe, tensors, others),
  };
  return { files, bytes: bytes.length, curve, samples: samples.count, test: tested };
}

/** Where another run stopped, if there is a file that says so. */
async function stoppedAt(path: string, read: (bytes: Uint8Array) => Snapshot): Promise<Snapshot | undefined> {
  if (!existsSync(path)) return undefined;
  const bytes = await readFile(path);
  const snapshot = await namingFiles({ checkpoint: path }, async () => read(bytes));
  printErrors([`going on from ${path}, behind step ${formatCount(snapshot.step)}`]);
  return snapshot;
}

function curveFiles({ out, csv, svg }: Files, curve: readonly Epoch[]) {
  const encode = (text: string) => new TextEncoder().encode(text);
  return [
    { path: csv, bytes: encode(curveCsv(curve)) },
    { path: svg, bytes: encode(curveSvg(curve, out)) },
  ];
}

function digest(...parts: (string | Uint8Array | Float32Array | Uint16Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(typeof part === "string" ? part : new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}

/** One line per epoch on stderr, and before it a moving bar where that is a terminal, with the time that is left. */
function progressReport(epochs: number, before: number): (progress: Progress) => void {
  const startMs = performance.now();
  let bar: ReturnType<typeof startProgress> | undefined;
  return ({ epoch, step, steps, loss, accuracy }) => {
    const label = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
    const result = `loss ${loss.toFixed(4)}, accuracy ${formatShare(accuracy, 2)}`;
    const done = (epoch - 1) * steps + step;
    const leftMs = ((performance.now() - startMs) / (done - before)) * (epochs * steps - done);
    bar ??= startProgress(label, steps);
    bar.update(step, `${result}, ${formatTime(leftMs)} left`);
    if (step < steps) return;
    bar.end();
    bar = undefined;
    printErrors([`${label}: ${result}, ${formatTime(leftMs)} left`]);
  };
}

/** "42 s", "7 min", "3.2 h". */
function formatTime(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
