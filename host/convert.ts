import {
  checkBytes,
  checkEngine,
  checkList,
  checkObject,
  checkOneOf,
  checkOptional,
  checkText,
  kindOf,
  refuse,
} from "./base/arguments.ts";
import { InputError } from "./base/errors.ts";
import { VERSION } from "./base/version.ts";
import { checkDescription } from "./blob/description.ts";
import { MAX_ROWS } from "./blob/layout.ts";
import { repackFor } from "./blob/repack.ts";
import type { Target } from "./blob/targets.ts";
import { writeBlob } from "./blob/write.ts";
import { type Checkpoint, importOptions, readCheckpoint } from "./checkpoint/index.ts";
import { KERNELS, type Kernels } from "./checkpoint/tflite/kernels.ts";
import { type RamBudget, withinRam } from "./cost/ram.ts";
import { INPUT_DTYPES, type InputOptions } from "./lower/input.ts";
import { lower } from "./lower/lower.ts";
import type { Description, Program } from "./program.ts";
import { type Calibration, calibrate, compare } from "./quantize/calibrate.ts";
import { rangesText } from "./quantize/ranges.ts";
import { type WeightsReport, weightsReport } from "./report.ts";
import { classCount } from "./run/describe.ts";
import { goldenPairs } from "./run/self_test.ts";

export interface ConvertOptions {
  /** Name of the checkpoint's file, for people. */
  file?: string;
  /** Name of the model; the model id is made from it. The file's name without folder and ending if not given. */
  name?: string;
  /** Grows with every release of the model; 1 if not given. */
  modelVersion?: number;
  /**
   * Elements of the inputs, and what they stand for: `{ dtype: "u8", scale: "1/255", mean: 0.1307, std: 0.3081 }`. What is left out is read from
   * the checkpoint; the notes say what it leaves open.
   */
  input?: InputOptions;
  /** Quantizer of the inputs, for checkpoints that have none before their first layer: "scale=…,zero=…,bits=…,signed|unsigned" or "bipolar". */
  inputQuantizer?: string;
  /** A network described by hand, as JSON (docs/arch.md), for weights without a graph. The blob keeps its sha256; `verify` takes the text again. */
  arch?: string;
  /** Whether outputs are the index of their greatest score, instead of the scores. */
  argmax?: boolean;
  /** Whose kernels a TensorFlow Lite file is computed as: "litert", the default, or "tflm". The blob keeps it. */
  kernels?: Kernels;
  /** Rows that one invocation may have; 64 if not given. */
  maxRows?: number;
  /** Names of the classes, one for each. */
  classes?: string[];
  /** What the weights are packed for (`TARGETS`); "any" if not given. */
  target?: Target;
  /**
   * Samples that make an int8 network of a float one: weights symmetric, one scale per output channel, activations over the ranges that occur. Its inputs take real
   * numbers unless `input` says otherwise.
   */
  calibration?: Calibration;
  /** "float": the network stays one of floats, and is computed in f32 as a whole. Its inputs are real numbers. */
  weights?: "float";
  /** RAM that the model may take on a device: it chooses between fast and small forms of convolutions. Those of the target if not given. */
  ram?: RamBudget;
  /** Operations that one row of the model may take (work.ts). */
  maxOperations?: number | undefined;
}

export interface Conversion {
  blob: Uint8Array;
  program: Program;
  checkpoint: Checkpoint;
  /** What was found in every weight tensor, and what it became. */
  weights: WeightsReport[];
  /** Sentences for people: choices, costs, and what smells. */
  notes: string[];
}

/**
 * Checkpoint → blob: import → lower → write. A QONNX file says itself how its weights are quantized, so importing does that.
 * The same bytes and options give the same blob on any machine. Throws CheckpointError for a bad file, UnsupportedError with
 * everything that stands in the way, InputError for options that do not fit the model, BlobError for what no blob can hold, and EngineError
 * of kind "fuel" for a model that takes more work than is allowed.
 */
export async function convert(bytes: Uint8Array, options: ConvertOptions = {}): Promise<Conversion> {
  checkBytes("checkpoint", bytes);
  checkOptions(options);
  const file = options.file?.split(/[\\/]/).at(-1) ?? "";
  const name = options.name ?? (file.replace(/\.[^.]*$/, "") || "model");
  const { inputQuantizer, argmax, kernels, arch, input, maxRows, classes } = options;
  checkCount("modelVersion", options.modelVersion, 2 ** 32 - 1);
  checkCount("maxRows", maxRows, MAX_ROWS);

  const choices: Description["converter"]["choices"] = {
    ...(inputQuantizer && { inputQuantizer }),
    ...(argmax && { argmax }),
    ...(kernels !== undefined && { kernels }),
    ...(arch !== undefined && { arch: hex(await sha256(new TextEncoder().encode(arch))) }),
  };
  const { calibration } = options;
  if (options.weights) choices.weights = options.weights;
  const float = calibration && readCheckpoint(bytes, { ...importOptions(choices), floats: "keep" }, arch);
  if (float) choices.ranges = rangesText(calibrate(float.graph, calibration));
  const checkpoint = readCheckpoint(bytes, importOptions(choices), arch);
  const { program, notes } = lower(checkpoint.graph, {
    modelId: (await sha256(new TextEncoder().encode(name))).getBigUint64(0, true),
    modelVersion: options.modelVersion ?? 1,
    name,
    source: { format: checkpoint.format, file, bytes: bytes.length, sha256: hex(await sha256(bytes)) },
    converter: { version: VERSION, choices },
    // without a declaration a network takes what its samples are: real numbers
    ...((input ?? float) && { input: input ?? { dtype: "f32" } }),
    ...(maxRows !== undefined && { maxRows }),
    ...(classes && { classes }),
  });
  checkClasses(program, classes);
  checkDescription(program);
  const selfTest = goldenPairs(program, options.maxOperations);
  const packed = repackFor({ ...program, selfTest }, options.target ?? "any");
  const { program: complete, gathered } = options.ram
    ? await withinRam(packed, options.ram)
    : { program: packed, gathered: 0 };
  const given =
    gathered === 0
      ? []
      : [`${gathered} of the convolutions are gathered to take less RAM, at up to twice the instructions`];
  const int8 = float ? [`of the int8 network: ${compare(float.graph, checkpoint.graph, calibration)}`] : [];
  const weights = weightsReport(complete, checkpoint.graph);
  return {
    blob: writeBlob(complete),
    program: complete,
    checkpoint,
    weights,
    notes: [...checkpoint.notes, ...notes, ...int8, ...given],
  };
}

/** Types of options; what they hold is checked where it is used. */
function checkOptions(options: ConvertOptions): void {
  checkObject("options", options);
  for (const name of ["file", "name", "inputQuantizer", "arch", "target"] as const)
    checkOptional(name, options[name], "string");
  checkOptional("argmax", options.argmax, "boolean");
  if (options.calibration !== undefined) checkCalibration(options.calibration);
  if (options.weights !== undefined) checkOneOf("weights", options.weights, ["float"]);
  if (options.kernels !== undefined) checkOneOf("kernels", options.kernels, KERNELS);
  if (options.ram !== undefined) checkRam(options.ram);
  if (options.input !== undefined) checkInput(options.input);
  if (options.classes !== undefined) checkList("classes", options.classes, checkText);
}

function checkCalibration(calibration: unknown): void {
  checkObject("calibration", calibration);
  checkList("calibration.inputs", calibration.inputs, (name, each) => {
    if (!(each instanceof Float32Array)) refuse(name, each, "a Float32Array");
  });
  const { percentile } = calibration;
  if (percentile === undefined || (typeof percentile === "number" && percentile > 50 && percentile <= 100)) return;
  refuse("calibration.percentile", percentile, "a number above 50 and up to 100");
}

function checkRam(ram: unknown): void {
  checkObject("ram", ram);
  if (typeof ram.bytes !== "number") refuse("ram.bytes", ram.bytes, "a number");
  checkCount("ram.bytes", ram.bytes, 2 ** 32 - 1);
  checkEngine(ram.engine);
  if (typeof ram.moduleOf !== "function") refuse("ram.moduleOf", ram.moduleOf, "a function");
}

function checkInput(input: unknown): void {
  checkObject("input", input);
  if (input.dtype !== undefined) checkOneOf("input.dtype", input.dtype, INPUT_DTYPES);
  for (const name of ["scale", "mean", "std"] as const) {
    const isText = (each: unknown) => name === "scale" && typeof each === "string"; // "1/255"
    for (const each of [input[name]].flat()) {
      if (each !== undefined && typeof each !== "number" && !isText(each)) refuse(`input.${name}`, each, "a number");
    }
  }
}

function checkCount(option: string, found: number | undefined, most: number): void {
  if (found === undefined || (Number.isInteger(found) && found >= 1 && found <= most)) return;
  throw new InputError(`${option} ${kindOf(found)}, expected 1 to ${most}`);
}

function checkClasses(program: Program, classes: string[] | undefined): void {
  const counts = program.outputs.map((_, i) => classCount(program, i));
  const odd = counts.find((count) => classes && classes.length !== count);
  if (odd !== undefined) throw new InputError(`found ${classes!.length} class names, expected ${odd}`);
}

async function sha256(bytes: Uint8Array): Promise<DataView> {
  return new DataView(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
}

function hex(view: DataView): string {
  return Array.from(new Uint8Array(view.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
