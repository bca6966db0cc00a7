import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../../../host/base/errors.ts";
import { packageRoot } from "../../../host/base/package_root.ts";
import { readBlob } from "../../../host/blob/read.ts";
import { writeBlob } from "../../../host/blob/write.ts";
import { convert, sampleInputs } from "../../../host/index.ts";
import { mulberry32, type Random } from "../../../host/numbers/random.ts";
import { requantizeOf } from "../../../host/numbers/requantize.ts";
import type {
  ActivationDtype,
  Conv2dOp,
  DenseOp,
  Program,
  Requantize,
  Tensor,
  Thresholds,
  WeightDtype,
} from "../../../host/program.ts";
import { elementCount, rowStride } from "../../../host/shape.ts";
import { readFile } from "../../files/files.ts";
import { randomMlp } from "../random_mlp.ts";

// Models that are counted on devices: whole networks, and what the goals are about.

/** A model, and one row of each of its inputs. */
export interface Model {
  blob: Uint8Array;
  /** Whether it is packed for the core that it is measured on. */
  isPacked?: true;
  inputs: ArrayLike<number>[];
}

/** By name. Some throw EngineError, of kind "missing", where their checkpoint is not here. */
export const MODELS = {
  digits: () => fromCheckpoint(join("examples", "digits", "digits.onnx"), packageRoot()),
  TFC_1W1A: () => fromCheckpoint(join("qonnx", "TFC_1W1A.onnx"), DATA),
  "784-256-256-10": async () => fromQonnx(randomMlp(), "random_mlp.onnx"),
  "ternary × i8, 256, multipliers": () => chain("i8", [256, 256], "ternary"),
  "ternary × i8, 256, thresholds": () => chain("i8", [256, 256], "ternary", "u4"),
  "ternary × i8, 128, multipliers": () => chain("i8", [128, 128], "ternary"),
  "ternary × i8, 128, thresholds": () => chain("i8", [128, 128], "ternary", "u4"),
  "ternary × u4, 256": () => chain("u4", [256, 256], "ternary"),
  "binary × bit, 256": () => chain("bit", [256, 256], "binary"),
  "int4 × i8, 256": () => chain("i8", [256, 256], "int4"),
  "int8 × i8, 256": () => chain("i8", [256, 256], "int8"),
  "256-64-64-64-10 × i8": () => chain("i8", [256, 64, 64, 64, 10], "ternary"),
  "256-64-64-64-10 × u4": () => chain("u4", [256, 64, 64, 64, 10], "ternary"),
  "3 × 3, ternary × i8": () => convolution("i8", "ternary"),
  "3 × 3, ternary × u4": () => convolution("u4", "ternary"),
  "3 × 3, binary × bit": () => convolution("bit", "binary"),
  "3 × 3, int8 × i8": () => convolution("i8", "int8"),
  "1 × 1, ternary × i8": () => convolution("i8", "ternary", { kernel: 1 }),
  "5 × 5, ternary × i8": () => convolution("i8", "ternary", { kernel: 5 }),
  "3 × 3 of stride 2, ternary × i8": () => convolution("i8", "ternary", { stride: 2 }),
  "3 × 3 of 3 channels, ternary × i8": () => convolution("i8", "ternary", { inputs: 3, outputs: 16 }),
  "3 × 3 in groups of 4, ternary × i8": () => convolution("i8", "ternary", { groups: 16 }),
  "3 × 3 depthwise, int8 × i8": () => convolution("i8", "int8", { groups: 64 }),
  "3 × 3 depthwise, ternary × i8": () => convolution("i8", "ternary", { groups: 64 }),
} satisfies Record<string, () => Promise<Model>>;

export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES = Object.keys(MODELS) as ModelName[];

const DATA = process.env.TERN_DATA ?? join(packageRoot(), "..", "shared", "data");

async function fromCheckpoint(path: string, folder: string): Promise<Model> {
  const file = join(folder, path);
  if (!existsSync(file)) {
    throw new EngineError("missing", `${path}: not found; TERN_DATA names the folder that it is in`);
  }
  return fromQonnx(await readFile(file), path);
}

async function fromQonnx(bytes: Uint8Array, file: string): Promise<Model> {
  const { blob } = await convert(bytes, { file });
  const rows = 3; // the third: random elements
  const inputs = sampleInputs(readBlob(blob), rows).map((elements) =>
    elements.slice(((rows - 1) * elements.length) / rows),
  );
  return { blob, inputs };
}

/** Codes between layers, and what makes them: an i8 by a multiplier of each channel, 4 bits by 15 thresholds, a bit by one. */
type Codes = "i8" | "u4" | "bit";
const CODES: Record<Codes, { dtype: ActivationDtype; range: [number, number] }> = {
  i8: { dtype: "i8", range: [-128, 127] },
  u4: { dtype: "u8", range: [0, 15] },
  bit: { dtype: "bit", range: [-1, 1] },
};

/** Weights, and how much wider than those of codes their sums spread. */
const WEIGHTS = {
  binary: { range: [-1, 1], spread: 1 },
  ternary: { range: [-1, 1], spread: 1 },
  int4: { range: [-8, 7], spread: 4 },
  int8: { range: [-128, 127], spread: 64 },
} satisfies Partial<Record<WeightDtype, { range: [number, number]; spread: number }>>;
type WeightName = keyof typeof WEIGHTS;

/** Dense layers of random weights. One alone makes codes of the kind `made`; of more, the last gives accumulators. */
async function chain(codes: Codes, widths: number[], weights: WeightName, made = codes): Promise<Model> {
  const next = mulberry32(widths[0]!);
  const { dtype, range } = CODES[codes];
  const last = widths.length - 1;
  const isScores = (layer: number) => layer > 1 && layer === last;
  let perRow = 0;
  const tensors = widths.map((channels, layer): Tensor => {
    const own = isScores(layer) ? "i32" : layer === last ? CODES[made].dtype : dtype;
    const tensor = { dtype: own, height: 1, width: 1, channels, fixed: 0, perRow };
    perRow += rowStride(tensor);
    return tensor;
  });
  const ops = widths.slice(1).map((outputs, i): DenseOp => {
    const inputs = widths[i]!;
    const op: DenseOp = {
      ...{ kind: "dense", inputs: [i], output: i + 1, dtype: weights },
      weights: Int8Array.from({ length: inputs * outputs }, weightOf(weights, next)),
    };
    const spread = (inputs * range[1] * WEIGHTS[weights].spread) / 4; // of accumulators: all codes occur
    return isScores(i + 1) ? op : { ...op, post: postOf(made, outputs, spread, next) };
  });
  const program: Program = {
    ...{ modelId: 0n, modelVersion: 0, maxRows: 1, arena: { fixed: 0, perRow } },
    ...{ tensors, ops, inputs: [0], outputs: [last] },
  };
  const row = Array.from({ length: widths[0]! }, () => (codes === "bit" ? sign(next) : integer(next, ...range)));
  return { blob: writeBlob(program), inputs: [row] };
}

/** Height and width of the pictures of convolutions: what two of 64 channels leave room for in 128 KB. */
const [HEIGHT, WIDTH] = [16, 32];

/** One convolution of random weights, padded to keep the size, that makes codes of its own kind. */
async function convolution(
  codes: Codes,
  weights: WeightName,
  { kernel = 3, stride = 1, inputs = 64, outputs = 64, groups = 1 } = {},
): Promise<Model> {
  const next = mulberry32(kernel);
  const { dtype, range } = CODES[codes];
  const input: Tensor = { dtype, height: HEIGHT, width: WIDTH, channels: inputs, fixed: 0, perRow: 0 };
  const size = { height: HEIGHT / stride, width: WIDTH / stride, channels: outputs };
  const output: Tensor = { dtype, ...size, fixed: 0, perRow: rowStride(input) };
  const count = (outputs * kernel * kernel * inputs) / groups;
  const [pad, columns] = [(kernel - 1) / 2, count / outputs];
  const op: Conv2dOp = {
    ...{ kind: "conv2d", inputs: [0], output: 1, groups, pad: 0, dtype: weights },
    window: {
      ...{ kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride },
      ...{ dilationY: 1, dilationX: 1, padTop: pad, padLeft: pad },
    },
    weights: Int8Array.from({ length: count }, weightOf(weights, next)),
    post: postOf(codes, outputs, (columns * range[1] * WEIGHTS[weights].spread) / 4, next),
  };
  const program: Program = {
    ...{ modelId: 0n, modelVersion: 0, maxRows: 1, arena: { fixed: 0, perRow: output.perRow + rowStride(output) } },
    ...{ tensors: [input, output], ops: [op], inputs: [0], outputs: [1] },
  };
  const row = Array.from({ length: elementCount(input) }, () =>
    codes === "bit" ? sign(next) : integer(next, ...range),
  );
  return { blob: writeBlob(program), inputs: [row] };
}

function postOf(codes: Codes, channels: number, spread: number, next: Random): Thresholds | Requantize {
  const each = { length: channels };
  if (codes === "i8") {
    const lines = Array.from(each, () => ({
      multiplier: integer(next, 2 ** 29, 2 ** 30),
      offset: integer(next, -(2 ** 22), 2 ** 22),
      ...{ low: 0, left: 28 - Math.ceil(Math.log2(spread)), right: 19 }, // a slope of up to 128 / spread
    }));
    return requantizeOf({ lo: -128, hi: 127, rounding: "half-even" }, lines, true);
  }
  const count = codes === "bit" ? 1 : 15;
  const steps = Array.from(each, () => Int32Array.from({ length: count }, () => integer(next, -spread, spread)).sort());
  return {
    ...{ kind: "thresholds", records: channels, count },
    base: new Int16Array(channels).fill(codes === "bit" ? -1 : 0),
    ups: new Uint16Array(channels).fill(count),
    steps: Int32Array.from(steps.flatMap((own) => Array.from(own))),
  };
}

function weightOf(weights: WeightName, next: Random): () => number {
  return weights === "binary" ? () => sign(next) : () => integer(next, ...WEIGHTS[weights].range);
}

function integer(next: Random, min: number, max: number): number {
  return Math.floor(min + next() * (max - min + 1));
}

function sign(next: Random): number {
  return next() < 0.5 ? -1 : 1;
}
