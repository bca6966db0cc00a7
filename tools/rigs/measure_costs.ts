import { EngineError } from "../../host/base/errors.ts";
import { type Features, needsMore } from "../../host/blob/features.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { costOf, termsOf } from "../../host/cost/instructions.ts";
import type { Costs } from "../../host/cost/measured.ts";
import type { Board } from "../../host/firmware/boards.ts";
import { v8 } from "../../host/index.ts";
import { planeOf } from "../../host/numbers/plane.ts";
import { mulberry32, type Random } from "../../host/numbers/random.ts";
import { requantizeOf } from "../../host/numbers/requantize.ts";
import type {
  ActivationDtype,
  AvgpoolOp,
  Conv2dForm,
  Conv2dOp,
  DenseOp,
  Op,
  PackingName,
  Plane,
  Program,
  QuantizeOp,
  Requantize,
  Scores,
  Tensor,
  Thresholds,
  WeightDtype,
} from "../../host/program.ts";
import { moduleFeatures } from "../../host/run/backend.ts";
import { rowStride } from "../../host/shape.ts";
import { type CountedBoard, startCounted } from "./counted_board.ts";
import { leastSquares } from "./least_squares.ts";

// What one turn of each loop of a module's kernels costs, for the cost model of `tern fit` (host/cost/instructions.ts): ops of many shapes are counted
// one by one, and the costs are those that come closest to the counts.

/** Inputs, outputs and channels of a tile of dense ops. Boards of little RAM measure those that fit. */
const SHAPES: [inputs: number, outputs: number, tileChannels?: number][] = [
  [16, 8],
  [16, 32],
  [64, 4],
  [64, 16],
  [64, 16, 4],
  [100, 12],
  [128, 16],
  [128, 16, 8],
  [160, 12],
  [200, 24, 8],
  [256, 8],
  [256, 16, 4],
  [256, 48],
  [384, 12, 4],
  [512, 32],
];
/** Channels of ops without weights, and of posts. */
const WIDTHS = [8, 33, 100];

const WEIGHTS: [WeightDtype, PackingName, min: number, max: number][] = [
  ["binary", "sign32", 0, 1],
  ["ternary", "field2", -1, 1],
  ["ternary", "trit4", -1, 1],
  ["int2", "field2", -2, 1],
  ["int3", "field3", -4, 3],
  ["int4", "field4", -8, 7],
  ["int8", "field8", -128, 127],
];
type Codes = [dtype: "bit" | "u8" | "i8", min: number, max: number];
const BITS: Codes = ["bit", -1, 0];
const CODES: Codes[] = [
  ["u8", 0, 15],
  ["u8", 0, 255],
  ["i8", -16, 15],
  ["i8", -128, 127],
];

/** Dense ops that posts are measured behind: one of them at least is in every module. */
const LAYERS: [WeightDtype, PackingName, Codes][] = [
  ["ternary", "field2", CODES[0]!],
  ["ternary", "trit4", CODES[0]!],
  ["binary", "sign32", BITS],
];

type Post = Exclude<QuantizeOp["post"], { kind: "plane" }>;
/** Posts, by the dtype of the codes that they make. */
const POSTS: [ActivationDtype, (records: number, next: Random) => Post][] = [
  ["u8", (records, next) => thresholds(records, 1, next)],
  ["u8", (records, next) => thresholds(records, 3, next)],
  ["u8", (records, next) => thresholds(records, 7, next)],
  ["u8", (records, next) => thresholds(records, 15, next)],
  ["bit", (records, next) => thresholds(records, 1, next)],
  ["bit", (records, next) => thresholds(records, 3, next)],
  ["i8", (records, next) => requantize(records, "floor", next)],
  ["i8", (records, next) => requantize(records, "half-even", next)],
  ["i8", (records, next) => requantize(records, "half-away", next)],
  ["u8", () => lookup(0, 255)],
  ["bit", () => lookup(-1, 0)],
];

/** A program whose last op is counted: the kernel of its sums, less what is known of its others, or, less that of the same op without a post, its post. */
interface Sample {
  program: Program;
  without?: Program;
}

/** Costs of every kernel that a module has and the board has memory for. */
export async function measureCosts(board: Board, elf: string, module: Uint8Array): Promise<Costs> {
  const { features } = await moduleFeatures(module, v8);
  const counted = await startCounted(board, elf);
  try {
    const next = mulberry32(1);
    const costs = await fitCosts(counted, features, samples(next), {});
    return { ...costs, ...(await fitCosts(counted, features, convolutions(next), costs)) };
  } finally {
    counted.close();
  }
}

/** Costs of the kernels of samples, of whose other terms `known` has the costs. */
async function fitCosts(
  counted: CountedBoard,
  features: Features,
  samples: Iterable<Sample>,
  known: Costs,
): Promise<Costs> {
  const found = new Map<string, { counts: number[]; instructions: number }[]>();
  for (const { program, without } of samples) {
    const [sums, ...others] = termsOf(program).at(-1)!;
    const term = without ? others[0]! : sums!;
    const less = without ? 0 : costOf(others, known);
    const instructions = await countLast(counted, program, features);
    const other = without && (await countLast(counted, without, features));
    if (instructions === undefined || less === undefined || (without && other === undefined)) continue;
    const all = found.get(term.kernel) ?? [];
    found.set(term.kernel, all);
    all.push({ counts: term.counts, instructions: instructions - (other ?? less) });
  }
  return Object.fromEntries(
    [...found]
      .filter(([, all]) => all.length >= all[0]!.counts.length)
      .map(([kernel, all]) => {
        const costs = leastSquares(
          all.map(({ counts }) => counts),
          all.map(({ instructions }) => instructions),
        );
        return [kernel, costs.map((cost) => Number(cost.toPrecision(5)))];
      }),
  );
}

/** Instructions of the last op of a program; undefined where the module has not all that it needs, or the board no room. */
async function countLast(
  { device, program: flash, count }: CountedBoard,
  program: Program,
  features: Features,
): Promise<number | undefined> {
  const blob = writeBlob(program);
  if (needsMore(blob, features)) return undefined;
  await flash(blob);
  const tensor = program.tensors[program.inputs[0]!]!;
  const next = mulberry32(tensor.channels);
  const row = Uint8Array.from({ length: rowStride(tensor) }, () => integer(next, 0, 255));
  const end = program.ops.length;
  try {
    device.open(1);
    device.write(program.inputs[0]!, 1, 0, row);
    device.invoke(0, end, 1); // an interpreter translates what it runs
  } catch (error) {
    // too little RAM for the model, or, in an interpreter's pool, for the code that it has to translate
    if (error instanceof EngineError && (error.kind === "memory" || error.kind === "trap")) return undefined;
    throw error;
  }
  return count(end - 1, end, 1) - count(end, end, 1);
}

/** Every kernel in many shapes: dense ops, then quantize ops and posts, then argmax, maximum, concat and upsample, pools, planes and depthwise convolutions. */
function* samples(next: Random): Generator<Sample> {
  for (const [dtype, packing, ...range] of WEIGHTS) {
    for (const codes of dtype === "binary" ? [BITS, ...CODES] : CODES) {
      for (const [inputs, outputs, tileChannels] of SHAPES) {
        const op = { ...denseOp(dtype, packing, range, inputs, outputs, next), ...(tileChannels && { tileChannels }) };
        yield { program: denseProgram(codes, inputs, op, "i32", outputs) };
      }
    }
  }
  for (const [dtype, make] of POSTS) {
    for (const channels of WIDTHS) {
      for (const records of [1, channels]) {
        const post = make(records, next);
        for (const input of ["u8", "i8", "i16", "i32", "f32"] as const) {
          const isLookup = post.kind === "lookup";
          if (isLookup ? input !== "u8" && input !== "i8" : input === "f32" && post.kind === "requantize") continue;
          const op: QuantizeOp = { kind: "quantize", inputs: [0], output: 1, post };
          yield { program: programOf([op], [input, channels], [dtype, channels]) };
        }
        if (post.kind === "lookup") continue;
        for (const [weights, packing, codes] of LAYERS) {
          const tileChannels = channels > 50 ? 112 : 16; // three widths: tiles and channels have costs of their own
          const bare = { ...denseOp(weights, packing, [-1, 1], 16, channels, next), tileChannels };
          yield {
            program: denseProgram(codes, 16, { ...bare, post }, dtype, channels),
            without: denseProgram(codes, 16, bare, "i32", channels),
          };
        }
      }
    }
  }
  for (const channels of WIDTHS) {
    const scores: Scores = {
      kind: "scores",
      multiplier: Int32Array.from({ length: channels }, () => integer(next, 1, 2 ** 20)),
      offset: new BigInt64Array(channels),
    };
    for (const more of [{}, { post: scores }, { post: scores, tileChannels: 8 }]) {
      const op: Op = { kind: "argmax", inputs: [0], output: 1, ...more };
      yield { program: programOf([op], ["i32", channels], ["i32", 1]) };
    }
    const op: Op = { kind: "maximum", inputs: [0, 0], output: 1 };
    yield { program: programOf([op], ["u8", channels], ["u8", channels]) };
    const join: Op = { kind: "concat", inputs: [0, 0], output: 1 };
    for (const positions of [1, 4]) {
      const [from, to]: TensorSize[] = [
        [1, positions, channels],
        [1, positions, 2 * channels],
      ];
      yield { program: programOf([join], ["u8", from!], ["u8", to!]) };
    }
    const repeat: Op = { kind: "upsample", inputs: [0], output: 1, factorY: 2, factorX: 2 };
    for (const width of [1, 3]) {
      for (const dtype of ["u8", "bit"] as const) {
        const [from, to]: TensorSize[] = [
          [1, width, channels],
          [2, 2 * width, channels],
        ];
        yield { program: programOf([repeat], [dtype, from!], [dtype, to!]) };
      }
    }
    yield* pools(channels, next);
    for (const records of [1, channels]) yield* planes(channels, plane(records, next), next);
    yield* depthwise(channels, next);
  }
}

/** Pictures and kernels of convolutions: positions of the output, channels before and behind, and what else is not 1. */
const CONVOLUTIONS: {
  size: [number, number];
  from: number;
  to: number;
  kernel: number;
  stride?: number;
  groups?: number;
  pad?: number;
}[] = [
  { size: [1, 1], from: 16, to: 8, kernel: 1 },
  { size: [2, 3], from: 16, to: 12, kernel: 1 },
  { size: [4, 5], from: 8, to: 16, kernel: 1 },
  { size: [1, 1], from: 16, to: 16, kernel: 3 },
  { size: [3, 4], from: 16, to: 16, kernel: 3, pad: 1 },
  { size: [3, 4], from: 32, to: 8, kernel: 3, pad: 1 },
  { size: [2, 6], from: 3, to: 16, kernel: 3, pad: 1 },
  { size: [2, 3], from: 32, to: 24, kernel: 3, stride: 2, pad: 1 },
  { size: [3, 3], from: 16, to: 8, kernel: 5, pad: 2 },
  { size: [4, 4], from: 32, to: 32, kernel: 3, groups: 2, pad: 1 },
  { size: [3, 4], from: 16, to: 16, kernel: 3, groups: 4, pad: 1 },
  { size: [4, 4], from: 32, to: 32, kernel: 3, groups: 8, pad: 1 },
  { size: [2, 2], from: 64, to: 32, kernel: 3, pad: 1 },
  { size: [1, 8], from: 16, to: 32, kernel: 3, pad: 1 },
  { size: [6, 6], from: 16, to: 4, kernel: 3, pad: 1 },
];

/** Convolutions that gather patches of codes, of strips and of bits, multiply them by twos, and scatter positions. */
function* convolutions(next: Random): Generator<Sample> {
  const kinds: [WeightDtype, PackingName, "u8" | "bit", min: number, max: number, Conv2dForm?][] = [
    ["int4", "field4", "u8", -8, 7],
    ["ternary", "trit4", "u8", -1, 1],
    ["binary", "sign32", "bit", 0, 1],
    ["int8", "field8", "u8", -128, 127, "pair"],
    ["ternary", "trit4", "u8", -1, 1, "scatter"],
  ];
  for (const [dtype, packing, codes, min, max, form] of kinds) {
    for (const { size, from, to, kernel, stride = 1, groups = 1, pad = 0 } of CONVOLUTIONS) {
      if (codes === "bit" && (from / groups) % 32 && groups > 1) continue;
      if (form === "scatter" && (groups > 1 || from % 16)) continue; // FORMAT.md
      const [height, width] = size.map((outputs) => (outputs - 1) * stride + kernel - 2 * pad);
      const weight = () => (dtype === "binary" ? 2 * integer(next, 0, 1) - 1 : integer(next, min, max));
      const op: Op = {
        ...{ kind: "conv2d", inputs: [0], output: 1, groups, pad: 0, dtype, packing, ...(form && { form }) },
        window: {
          ...{ kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride },
          ...{ dilationY: 1, dilationX: 1, padTop: pad, padLeft: pad },
        },
        weights: Int8Array.from({ length: (to * kernel * kernel * from) / groups }, weight),
      };
      yield { program: programOf([op], [codes, [height!, width!, from]], ["i32", [...size, to]]) };
    }
  }
}

/** A plane behind quantize, dense ops and a pool, of what an op before makes of the same input. */
function* planes(channels: number, post: Plane, next: Random): Generator<Sample> {
  const codes = thresholds(channels, 3, next);
  const quantize: QuantizeOp = { kind: "quantize", inputs: [0], output: 1, post: codes };
  const [wide, bytes]: [ActivationDtype, number][] = [
    ["i32", channels],
    ["u8", channels],
  ];
  yield { program: programOf([quantize, { ...quantize, inputs: [0, 1], output: 2, post }], wide!, bytes!, bytes!) };
  for (const [weights, packing, [dtype, min, max]] of LAYERS) {
    const bare = { ...denseOp(weights, packing, [-1, 1], 16, channels, next), tileChannels: 16 };
    const first: QuantizeOp = { kind: "quantize", inputs: [0], output: 1, post: lookup(min, max) };
    const of = (last: DenseOp, to: ActivationDtype) => {
      return programOf([first, { ...bare, post: codes }, last], ["u8", 16], [dtype, 16], bytes!, [to, channels]);
    };
    yield {
      program: of({ ...bare, inputs: [1, 2], output: 3, post }, "u8"),
      without: of({ ...bare, output: 3 }, "i32"),
    };
  }
  const one = {
    strideY: 1,
    strideX: 1,
    dilationY: 1,
    dilationX: 1,
    padTop: 0,
    padLeft: 0,
    kernelHeight: 1,
    kernelWidth: 1,
  };
  const pool: AvgpoolOp = { kind: "avgpool", inputs: [0], output: 1, window: one };
  const of = (last: AvgpoolOp, to: ActivationDtype) => {
    return programOf([{ ...pool, post: codes }, last], bytes!, bytes!, [to, channels]);
  };
  yield {
    program: of({ ...pool, inputs: [0, 1], output: 2, post }, "u8"),
    without: of({ ...pool, output: 2 }, "i32"),
  };
}

/** Pools of two and of four positions, and behind them a post; windows of one line and of several. */
function* pools(channels: number, next: Random): Generator<Sample> {
  const window = { strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 };
  for (const [height, width] of [
    [1, 2],
    [2, 2],
    [3, 3],
  ] as const) {
    const [kernelHeight, kernelWidth] = [Math.min(height, 2), 2];
    const size: TensorSize = [height - kernelHeight + 1, width - kernelWidth + 1, channels];
    const op = { inputs: [0], output: 1, window: { ...window, kernelHeight, kernelWidth } };
    for (const dtype of ["u8", "bit"] as const) {
      const input: [ActivationDtype, TensorSize] = [dtype, [height, width, channels]];
      yield { program: programOf([{ kind: "maxpool", ...op }], input, [dtype, size]) };
      const without = programOf([{ kind: "avgpool", ...op }], input, ["i32", size]);
      yield { program: without };
      for (const [to, make] of POSTS) {
        const post = make(channels, next);
        if (post.kind === "lookup" || dtype === "bit") continue;
        yield { program: programOf([{ kind: "avgpool", ...op, post }], input, [to, size]), without };
      }
    }
  }
}

/** Depthwise convolutions by several kernels, of one position and of four, whose windows lie inside the input. */
function* depthwise(channels: number, next: Random): Generator<Sample> {
  for (const [kernel, positions] of [
    [1, 1],
    [1, 6],
    [2, 1],
    [2, 4],
    [3, 1],
    [3, 4],
    [5, 2],
  ] as const) {
    const input: TensorSize = [kernel, kernel + positions - 1, channels];
    for (const dtype of ["u8", "i8"] as const) {
      const op: Conv2dOp = {
        ...{ kind: "conv2d", inputs: [0], output: 1, groups: channels, pad: 0, dtype: "int8", packing: "tap8" },
        window: {
          ...{ kernelHeight: kernel, kernelWidth: kernel, strideY: 1, strideX: 1 },
          ...{ dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 },
        },
        weights: Int8Array.from({ length: kernel * kernel * channels }, () => integer(next, -128, 127)),
      };
      const size: TensorSize = [1, positions, channels];
      const without = programOf([op], [dtype, input], ["i32", size]);
      yield { program: without };
      if (dtype !== "u8" || kernel > 1) continue;
      for (const [to, make] of POSTS) {
        for (const records of [1, channels]) {
          const post = make(records, next);
          if (post.kind === "lookup") continue;
          yield { program: programOf([{ ...op, post }], [dtype, input], [to, size]), without };
        }
      }
    }
  }
}

function denseOp(
  dtype: WeightDtype,
  packing: PackingName,
  [min, max]: number[],
  inputs: number,
  outputs: number,
  next: Random,
): DenseOp {
  const weight = () => (dtype === "binary" ? 2 * integer(next, 0, 1) - 1 : integer(next, min!, max!));
  const weights = Int8Array.from({ length: inputs * outputs }, weight);
  return { kind: "dense", inputs: [1], output: 2, dtype, packing, weights };
}

/** A dense op behind one that makes codes of a range. */
function denseProgram(
  [dtype, min, max]: Codes,
  inputs: number,
  op: DenseOp,
  output: ActivationDtype,
  outputs: number,
): Program {
  const codes: QuantizeOp = { kind: "quantize", inputs: [0], output: 1, post: lookup(min, max) };
  return programOf([codes, op], ["u8", inputs], [dtype, inputs], [output, outputs]);
}

/** Of a picture; a vector has channels alone. */
type TensorSize = [height: number, width: number, channels: number];

/** Ops on tensors that share no memory. */
function programOf(ops: Op[], ...shapes: [ActivationDtype, number | TensorSize][]): Program {
  let perRow = 0;
  const tensors = shapes.map(([dtype, size]): Tensor => {
    const [height, width, channels] = typeof size === "number" ? [1, 1, size] : size;
    const tensor = { dtype, height, width, channels, fixed: 0, perRow };
    perRow += rowStride(tensor);
    return tensor;
  });
  const arena = { fixed: 0, perRow };
  return { modelId: 0n, modelVersion: 0, maxRows: 1, arena, tensors, ops, inputs: [0], outputs: [tensors.length - 1] };
}

function lookup(min: number, max: number): Post {
  return { kind: "lookup", table: Int16Array.from({ length: 256 }, (_, byte) => min + (byte % (max - min + 1))) };
}

function thresholds(records: number, count: number, next: Random): Thresholds {
  const steps = Array.from({ length: records }, () =>
    Int32Array.from({ length: count }, () => integer(next, -60, 60)).sort(),
  );
  return {
    ...{ kind: "thresholds", records, count },
    base: new Int16Array(records).fill(count === 1 ? -1 : 0),
    ups: new Uint16Array(records).fill(count),
    steps: Int32Array.from(steps.flatMap((own) => Array.from(own))),
  };
}

function requantize(records: number, rounding: Requantize["rounding"], next: Random): Requantize {
  const lines = Array.from({ length: records }, () => ({
    multiplier: integer(next, 2 ** 29, 2 ** 30),
    offset: integer(next, -(2 ** 18), 2 ** 18),
    ...{ low: 0, left: 11, right: 8 },
  }));
  return requantizeOf({ lo: -128, hi: 127, rounding }, lines, rounding !== "half-away");
}

function plane(records: number, next: Random): Plane {
  const facets = Array.from({ length: records }, () => {
    const [multiplier, second] = [2 ** 30, 2 ** 36].map((most) => BigInt(integer(next, most / 2, most)));
    return { multiplier: multiplier!, second: second!, offset: 1n << 40n, lo: 0, hi: 255, shift: 41 };
  });
  return planeOf(facets);
}

function integer(next: Random, min: number, max: number): number {
  return Math.floor(min + next() * (max - min + 1));
}
