import { defineCommand } from "citty";
import { MAX_ROWS } from "../../host/blob/layout.ts";
import {
  type Conversion,
  type ConvertOptions,
  convert,
  type Inspection,
  inspect,
  type Target,
  v8,
} from "../../host/index.ts";
import type { InputDtype } from "../../host/lower/elements.ts";
import { plainModule } from "../../host/node.ts";
import { parseQuantizer, QUANTIZER_FORM } from "../../host/numbers/quantizer_text.ts";
import { shown } from "../../host/printable.ts";
import { readFile } from "../files.ts";
import { checkOutputs, writeFileAtomic } from "../outputs.ts";
import { TARGET_ARG } from "../targets.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount, formatShare, plural } from "../terminal/table.ts";
import { countOption, UsageError } from "../usage.ts";
import { formatEnds, formatTotals } from "./inspect.ts";

/** A conversion, and what its blob costs. */
export interface Converted extends Conversion {
  inspection: Inspection;
}

/** Reads a checkpoint, converts it and writes the blob: all of it or nothing. */
export async function convertFile(checkpoint: string, out: string, options: ConvertOptions = {}): Promise<Converted> {
  const conversion = await convert(await readFile(checkpoint), { file: checkpoint, ...options });
  const inspection = await inspect(conversion.blob, await plainModule(conversion.blob), v8);
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

/** Per weight tensor: what it was, what it became, and what its layer does with the sums. */
function formatWeights({ program, layers }: Inspection, weights: Conversion["weights"]): string[] {
  const named = layers.filter((_, i) => program.description?.ops[i]?.weights !== undefined);
  return weights.flatMap((tensor, i) => {
    const { name, shape, found, bits, dtype, packing, zeros, negatives, scale, bytes } = tensor;
    const was = { latent: "latent", "on-grid": "on the grid", bare: "bare floats on a grid" }[found];
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
  divide?: string;
  "input-quant"?: string;
  argmax?: boolean;
  "max-rows"?: string;
  classes?: string;
  for: Target;
}

function optionsOf(args: Args): ConvertOptions {
  return {
    name: args.name,
    modelVersion: countOption("model-version", args["model-version"]),
    input: inputOption(args),
    inputQuantizer: quantizerOption(args["input-quant"]),
    argmax: args.argmax,
    maxRows: countOption("max-rows", args["max-rows"], MAX_ROWS),
    classes: args.classes?.split(",").map((name) => name.trim()),
    target: args.for,
  };
}

function inputOption({ input, divide }: Args): ConvertOptions["input"] {
  if (divide === undefined) return input === undefined ? undefined : { dtype: input };
  if (input === undefined) throw new UsageError("--divide needs --input");
  if (Number.isFinite(Number(divide)) && Number(divide) > 0) return { dtype: input, divide: Number(divide) };
  throw new UsageError(`--divide "${divide}", expected a positive number`);
}

function quantizerOption(text: string | undefined): string | undefined {
  try {
    if (text !== undefined) parseQuantizer(text);
    return text;
  } catch (error) {
    throw new UsageError(`--input-quant: ${(error as Error).message}`);
  }
}

export default defineCommand({
  meta: { name: "convert", description: "Turn a trained checkpoint into a blob" },
  args: {
    checkpoint: { type: "positional", required: true, description: "ONNX file with QONNX's quantizers" },
    out: { type: "string", alias: "o", required: true, valueHint: "model.tern", description: "Blob to write" },
    name: { type: "string", description: "Name of the model, else that of the file" },
    "model-version": { type: "string", valueHint: "N", description: "Grows with every release, else 1" },
    input: { type: "enum", options: ["u8", "i8", "i16", "f32"], description: "Elements of the input" },
    divide: { type: "string", valueHint: "N", description: "An element e stands for e / N" },
    "input-quant": {
      type: "string",
      valueHint: "Q",
      description: `Quantizer: ${QUANTIZER_FORM}`,
    },
    argmax: { type: "boolean", description: "Give the index of the greatest score" },
    "max-rows": { type: "string", valueHint: "N", description: "Rows that may run at once, else 64" },
    classes: { type: "string", valueHint: "a,b,c", description: "Names of the classes" },
    for: { ...TARGET_ARG, default: "any" as const },
    json: { type: "boolean", description: "Print the result as JSON" },
  },
  async run({ args }) {
    const options = optionsOf(args);
    checkOutputs([args.out], { checkpoint: args.checkpoint });
    const converted = await showWork(`Converting ${args.checkpoint}`, () => {
      return convertFile(args.checkpoint, args.out, options);
    });
    const { inspection, weights, notes } = converted;
    const { layers, memory, macs, blobBytes, headBytes } = inspection;
    const result = { out: args.out, blobBytes, headBytes, macs, weights, layers, memory, notes };
    printResult(
      args.json,
      () => result,
      () => [`${args.checkpoint} → ${args.out}`, "", ...formatConversion(converted)],
    );
  },
});
