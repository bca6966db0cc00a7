import { defineCommand } from "citty";
import { shown } from "../../host/base/printable.ts";
import { MAX_ROWS } from "../../host/blob/layout.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { KERNELS, type Kernels } from "../../host/checkpoint/tflite/kernels.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import type { GraphInput } from "../../host/graph/graph.ts";
import {
  type Conversion,
  type ConvertOptions,
  convert,
  InputError,
  type Inspection,
  inspect,
  type Target,
  v8,
} from "../../host/index.ts";
import { INPUT_DTYPES, type InputDtype } from "../../host/lower/input.ts";
import { deviceModule, plainModule } from "../../host/node.ts";
import { parseQuantizer, QUANTIZER_FORM } from "../../host/numbers/quantizer_text.ts";
import { parseUnit } from "../../host/numbers/unit.ts";
import { readCheckpointFile } from "../files/checkpoints.ts";
import { namingFiles, readArchFile } from "../files/models.ts";
import { checkOutputs, writeFileAtomic } from "../files/outputs.ts";
import { nameOf, outName, STDIO, takeStdout } from "../files/stdio.ts";
import { readCalibration } from "../inputs/calibration.ts";
import { ARCH_ARG } from "../options/arch.ts";
import { JSON_ARG } from "../options/json.ts";
import { WORK_ARG, workOption } from "../options/sessions.ts";
import { TARGET_ARG } from "../options/targets.ts";
import { checked, countOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount, formatShare, plural } from "../terminal/table.ts";
import { formatEnds, formatTotals } from "./inspect.ts";

/** A conversion, and what its blob costs. */
export interface Converted extends Conversion {
  inspection: Inspection;
}

/** Reads a checkpoint, converts it and writes the blob: all of it or nothing. */
export async function convertFile(checkpoint: string, out: string, options: ConvertOptions = {}): Promise<Converted> {
  const bytes = await readCheckpointFile(checkpoint);
  const file = checkpoint === STDIO ? "" : checkpoint;
  const conversion = await namingFiles({ checkpoint }, () => convert(bytes, { file, ...options }));
  const { maxOperations } = options;
  const inspection = await inspect(conversion.blob, await plainModule(conversion.blob), v8, { maxOperations });
  await writeFileAtomic(out, conversion.blob);
  return { ...conversion, inspection };
}

/** What was found in the checkpoint and what was made of it. */
export function formatConversion({ inspection, weights, notes }: Converted): string[] {
  return [
    ...formatEnds(inspection),
    "",
    ...formatWeights(inspection, weights),
    "",
    ...formatTotals(inspection),
    ...notes.map((note) => `note: ${note}`),
  ];
}

const FOUND: Record<Conversion["weights"][number]["found"], string> = {
  latent: "latent",
  "on-grid": "on the grid",
  integers: "integers times a scale",
  bare: "bare floats on a grid",
  float: "floats",
};

/** Per weight tensor: what it was, what it became, and what its layer does with the sums. */
function formatWeights({ program, layers }: Inspection, weights: Conversion["weights"]): string[] {
  const named = layers.filter((_, i) => program.description?.ops[i]?.weights !== undefined);
  return weights.flatMap((tensor, i) => {
    const { name, shape, found, bits, dtype, packing, zeros, negatives, scale, bytes } = tensor;
    const was = FOUND[found];
    const per = scale.perChannel ? "per channel" : "per tensor";
    const range =
      scale.min === scale.max ? formatScale(scale.min) : `${formatScale(scale.min)} … ${formatScale(scale.max)}`;
    return [
      `${shown(name)}, ${shape.join(" × ")}: ${was}${bits ? `, ${plural(bits, "bit")}` : ""} → ${dtype}, packed as ${packing}`,
      `  ${formatShare(zeros)} zero, ${formatShare(negatives)} negative; × ${range} ${per}; ` +
        `${named[i]!.post || "sums as they are"}; ${formatCount(bytes)} bytes`,
    ];
  });
}

function formatScale(scale: number): string {
  return String(Number(scale.toPrecision(4)));
}

/** Options as they stand on the command line. */
interface Args {
  name?: string;
  "model-version"?: string;
  input?: InputDtype;
  "input-scale"?: string;
  mean?: string;
  std?: string;
  "input-quant"?: string;
  argmax?: boolean;
  kernels?: Kernels;
  "max-rows"?: string;
  classes?: string;
  for: Target;
  ram?: string;
  weights?: "int8" | "float";
  calibrate?: string;
  percentile?: string;
  "limit-work"?: string;
}

function optionsOf(args: Args): ConvertOptions {
  return {
    name: args.name,
    modelVersion: countOption("model-version", args["model-version"]),
    input: inputOption(args),
    inputQuantizer: quantizerOption(args["input-quant"]),
    argmax: args.argmax,
    kernels: args.kernels,
    maxRows: countOption("max-rows", args["max-rows"], MAX_ROWS),
    classes: args.classes?.split(",").map((name) => name.trim()),
    target: args.for,
    ram: ramOption(args),
    maxOperations: workOption(args["limit-work"]),
    ...(args.weights === "float" && { weights: args.weights }),
  };
}

/** What `fit` says of the model with the runtime of its target. */
function ramOption({ ram, for: target }: Args): ConvertOptions["ram"] {
  const bytes = countOption("ram", ram);
  if (bytes === undefined) return undefined;
  const runtime = runtimeNamed(target.endsWith(":wasm3") ? "wasm3" : "wasm2c");
  const moduleOf = async (blob: Uint8Array) => (await deviceModule(runtime, blob)).module;
  return { bytes, moduleOf, engine: v8, runtimeBytes: runtime.extraBytes };
}

/** Samples that are looked at: more change ranges little, and each is computed by the evaluator. */
const CALIBRATION_ROWS = 256;

/** The options with what the samples of `--calibrate` are to the network of a file, and its input of their type; as they are where that is not asked for. */
async function withCalibration(
  checkpoint: string,
  options: ConvertOptions,
  { weights, calibrate, percentile }: Args,
): Promise<ConvertOptions> {
  if ((weights === "int8") !== (calibrate !== undefined)) {
    throw new UsageError("expected --weights int8 and --calibrate together");
  }
  const share = percentile === undefined ? undefined : Number(percentile);
  if (share !== undefined && !(share > 50 && share <= 100)) {
    throw new UsageError(`--percentile "${percentile}", expected a number above 50 and up to 100`);
  }
  if (calibrate === undefined) {
    if (share !== undefined) throw new UsageError("--percentile is of what --calibrate finds");
    return options;
  }
  const bytes = await readCheckpointFile(checkpoint);
  const { graph } = await namingFiles({ checkpoint }, async () => {
    return readCheckpoint(bytes, { floats: "keep" }, options.arch);
  });
  const [input, ...more] = graph.inputs as [GraphInput, ...GraphInput[]];
  if (more.length > 0) {
    throw new InputError(`the network has ${graph.inputs.length} inputs, expected 1: a file holds samples for one`);
  }
  const { dtype: declared, ...unit } = options.input ?? {};
  const { dtype, numbers } = readCalibration(calibrate, input, unit, CALIBRATION_ROWS);
  const own = INPUT_DTYPES.find((each) => each === dtype);
  return {
    ...options,
    input: { ...unit, ...((declared ?? own) && { dtype: declared ?? own }) },
    calibration: { inputs: [numbers], ...(share !== undefined && { percentile: share }) },
  };
}

function inputOption({ input, "input-scale": scale, mean, std }: Args): ConvertOptions["input"] {
  const texts = {
    ...(scale !== undefined && { scale }),
    ...(mean !== undefined && { mean }),
    ...(std !== undefined && { std }),
  };
  const unit = checked("--input-scale, --mean and --std", () => parseUnit(texts));
  return { ...(input && { dtype: input }), ...unit };
}

function quantizerOption(text: string | undefined): string | undefined {
  if (text !== undefined) checked("--input-quant", () => parseQuantizer(text));
  return text;
}

export const EXAMPLE = "convert model.onnx -o model.tern --for cortex-m4";

export default defineCommand({
  meta: { name: "convert", description: "Turn a trained checkpoint into a blob" },
  args: {
    checkpoint: {
      type: "positional",
      required: true,
      description:
        "ONNX file with QONNX's quantizers, int8 or uint8 TensorFlow Lite file, Keras model, or weights and --arch",
    },
    out: { type: "string", alias: "o", required: true, valueHint: "model.tern", description: "Blob to write" },
    ...ARCH_ARG,
    name: { type: "string", description: "Name of the model, else that of the file" },
    "model-version": { type: "string", valueHint: "N", description: "Grows with every release, else 1" },
    input: { type: "enum", options: [...INPUT_DTYPES], description: "Elements of the input" },
    "input-scale": {
      type: "string",
      valueHint: "S",
      description:
        "An element or pixel e stands for (e · S − M) / D;\n1/255: 0 … 1; 1: 0 … 255; else what the checkpoint says",
    },
    mean: { type: "string", valueHint: "M", description: "One number, or one per channel: 0.485,0.456,0.406" },
    std: { type: "string", valueHint: "D", description: "Deviation, one or one per channel" },
    "input-quant": {
      type: "string",
      valueHint: "Q",
      description: `Quantizer: ${QUANTIZER_FORM}`,
    },
    argmax: { type: "boolean", description: "Give the index of the greatest score" },
    kernels: {
      type: "enum",
      options: [...KERNELS],
      description:
        "Whose arithmetic a TensorFlow Lite file has, else litert: ai-edge-litert's reference kernels; tflm: tflite-micro's",
    },
    "max-rows": { type: "string", valueHint: "N", description: "Rows that may run at once, else 64" },
    classes: { type: "string", valueHint: "a,b,c", description: "Names of the classes" },
    for: { ...TARGET_ARG, default: "any" as const },
    ram: {
      type: "string",
      valueHint: "BYTES",
      description:
        "RAM that the model may take on a device, as fit counts it: convolutions are in fast forms where they fit",
    },
    weights: {
      type: "enum",
      options: ["int8", "float"],
      description: "Make an int8 network of a float one, with --calibrate; or compute it in f32",
    },
    calibrate: {
      type: "string",
      valueHint: "file",
      description: `Samples, of which ${CALIBRATION_ROWS} show the range of every activation`,
    },
    percentile: {
      type: "string",
      valueHint: "P",
      description: "Share of the numbers that a range holds, else 100",
    },
    ...WORK_ARG,
    ...JSON_ARG,
  },
  async run({ args }) {
    const arch = args.arch === undefined ? undefined : await readArchFile(args.arch);
    const described = { ...optionsOf(args), ...(arch !== undefined && { arch }) };
    takeStdout(args.out);
    checkOutputs([args.out], { checkpoint: args.checkpoint, arch: args.arch, calibration: args.calibrate });
    const options = await withCalibration(args.checkpoint, described, args);
    const converted = await showWork(`Converting ${nameOf(args.checkpoint)}`, () => {
      return convertFile(args.checkpoint, args.out, options);
    });
    const { inspection, weights, notes } = converted;
    const { layers, memory, macs, blobBytes, headBytes } = inspection;
    const result = { out: args.out, blobBytes, headBytes, macs, weights, layers, memory, notes };
    printResult(
      args.json,
      () => result,
      () => [`${nameOf(args.checkpoint)} → ${outName(args.out)}`, "", ...formatConversion(converted)],
    );
  },
});
