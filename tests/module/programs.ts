import { FUNCTION } from "../../host/blob/layout.ts";
import { packingOf, TAP8, WEIGHTS } from "../../host/blob/pack/pack.ts";
import { windowSize } from "../../host/graph/ops/window.ts";
import { type Facet, planeOf } from "../../host/numbers/plane.ts";
import { type Line, requantizeOf } from "../../host/numbers/requantize.ts";
import type {
  ActivationDtype,
  ActivationFunction,
  ArgmaxOp,
  DenseOp,
  FloatPost,
  Lookup,
  Op,
  PackingName,
  Plane,
  Program,
  QuantizeOp,
  Requantize,
  Tensor,
  Thresholds,
  WeightDtype,
  Window,
} from "../../host/program.ts";
import { encodeRow, referenceBackend } from "../../host/run/backend.ts";
import { elementBytes, type Picture, rowStride } from "../../host/shape.ts";
import { type Random, randomWindow } from "../graph/random.ts";

export const INT32_MIN = -(2 ** 31);
export const INT32_MAX = 2 ** 31 - 1;

/** The functions of activation ops. */
export const ACTIVATIONS = Object.keys(FUNCTION) as ActivationFunction[];

export const WEIGHT_DTYPES = Object.keys(WEIGHTS) as WeightDtype[];

/** Inputs that weights of a dtype go with. */
export function inputsOf(dtype: WeightDtype): ActivationDtype[] {
  return dtype === "binary" ? ["bit", "u8", "i8"] : ["u8", "i8"];
}

/** Least and greatest element of an activation. */
export const RANGE: Record<ActivationDtype, [number, number]> = {
  bit: [-1, 1],
  u8: [0, 255],
  i8: [-128, 127],
  i16: [-32768, 32767],
  i32: [INT32_MIN, INT32_MAX],
  scaled8: [-127, 127],
  f32: [-3.4028234663852886e38, 3.4028234663852886e38],
};

/** Dtype of a tensor, and its channels or, of a picture, its height, width and channels. */
export type TensorOf = [dtype: ActivationDtype, channels: number | [height: number, width: number, channels: number]];

/** A program whose tensors share no memory: each lies behind the one before. */
export function programOf(
  tensors: TensorOf[],
  ops: Op[],
  { inputs = [0], outputs = [tensors.length - 1], maxRows = 5 } = {},
): Program {
  let perRow = 0;
  const placed = tensors.map(([dtype, shape]) => {
    const [height, width, channels] = typeof shape === "number" ? [1, 1, shape] : shape;
    const tensor: Tensor = { dtype, height, width, channels, fixed: 0, perRow };
    perRow += rowStride(tensor);
    return tensor;
  });
  const arena = { fixed: 0, perRow };
  return { modelId: 0x0123456789abcdefn, modelVersion: 7, maxRows, arena, tensors: placed, ops, inputs, outputs };
}

/** Thresholds from one record (shared) or one per channel. */
export function thresholds(...records: { base: number; up?: number[]; down?: number[] }[]): Thresholds {
  const count = Math.max(...records.map(({ up = [], down = [] }) => up.length + down.length));
  const steps = records.flatMap(({ up = [], down = [] }) => {
    const unused = new Array<number>(count - up.length - down.length).fill(INT32_MAX);
    return [...ascending(up), ...ascending(down), ...unused];
  });
  return {
    kind: "thresholds",
    records: records.length,
    count,
    base: Int16Array.from(records, ({ base }) => base),
    ups: Uint16Array.from(records, ({ up = [] }) => up.length),
    steps: Int32Array.from(steps),
  };
}

function ascending(numbers: number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

/**
 * Requantization from one record (for all channels) or one per channel; with shifts of their own where these differ, or the offset has low bits. Half away
 * from 0 takes such alone, and a bit to round.
 */
export function requantize(range: Pick<Requantize, "lo" | "hi" | "rounding">, ...lines: Line[]): Requantize {
  const [{ left, right }] = lines as [Line];
  if (range.rounding === "half-away") {
    const rounded = lines.map((line) => ({ ...line, right: Math.max(line.right, 1) }));
    return requantizeOf({ ...range, zero: range.lo }, rounded, false);
  }
  const shared = lines.every((line) => line.left === left && line.right === right && line.low === 0);
  return requantizeOf(range, lines, shared);
}

/** The line (x · multiplier + offset) / 2^right, for factors and integers below 2^15. */
export function smallLine(multiplier: number, offset: number, right: number): Line {
  return { multiplier: multiplier * 2 ** 16, offset, low: 0, left: 16, right };
}

/** A code for each byte, in the range of `dtype`. */
export function lookup(dtype: ActivationDtype, random: Random): Lookup {
  const [min, max] = dtype === "u8" ? RANGE.u8 : RANGE.i8;
  return { kind: "lookup", table: Int16Array.from({ length: 256 }, () => random.int(min, max)) };
}

/** `count` weights of a dtype: random, or from `choose`, which is told the ends. */
export function weights(
  dtype: WeightDtype,
  count: number,
  random: Random,
  choose = (min: number, max: number, _index: number) =>
    dtype === "binary" ? random.pick([-1, 1]) : random.int(min, max),
): Int8Array {
  const { min, max } = WEIGHTS[dtype];
  return Int8Array.from({ length: count }, (_, i) => choose(min, max, i));
}

/** Random elements, now and then an end of the range. */
export function elements(dtype: ActivationDtype, count: number, random: Random): number[] {
  const [min, max] = RANGE[dtype];
  return Array.from({ length: count }, () => {
    if (dtype === "bit") return random.pick([-1, 1]);
    if (random.chance(0.1)) return random.pick([min, max]);
    return dtype === "f32" ? Math.fround((random.unit() - 0.5) * 10 ** random.int(-3, 3)) : random.int(min, max);
  });
}

/** Some f32 between −1 and 1. */
export function someFloats(count: number, of = (i: number) => Math.sin(7 * i + 1)): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => of(i));
}

/** A post of so many records, with scales of this size. */
export function floatPost(records: number, size = 1): FloatPost {
  return {
    kind: "float",
    records,
    scale: someFloats(records).map((x) => size * x),
    bias: someFloats(records, Math.cos),
  };
}

function randomThresholds(records: number, spread: number, bit: boolean, random: Random): Thresholds {
  const steps = () => Array.from({ length: random.int(0, 4) }, () => random.int(-spread, spread));
  const one = () => ({ base: random.int(bit ? -1 : -5, 5), up: steps(), down: steps() });
  return thresholds(...Array.from({ length: records }, one));
}

function randomRequantize(records: number, dtype: ActivationDtype, random: Random): Requantize {
  const own = random.chance(0.5);
  const rounding = random.pick(
    own ? (["floor", "half-even", "half-away"] as const) : (["floor", "half-even"] as const),
  );
  const shifts = () => ({ left: random.int(0, 31), right: random.int(rounding === "half-away" ? 1 : 0, 31) });
  const shared = shifts();
  const one = () => ({
    multiplier: random.int(INT32_MIN, INT32_MAX),
    offset: random.int(-(2 ** 20), 2 ** 20),
    ...(own ? { low: random.int(0, 2 ** 16 - 1), ...shifts() } : { low: 0, ...shared }),
  });
  const [min, max] = dtype === "u8" ? RANGE.u8 : RANGE.i8;
  const range = {
    lo: random.int(min, 0),
    hi: random.int(1, max),
    rounding,
    zero: own ? random.int(min, max) : 0,
  };
  return requantizeOf(range, Array.from({ length: records }, one), !own);
}

/** A plane of any bits, or one whose codes change with the integers and codes that occur. */
function randomPlane(records: number, dtype: ActivationDtype, random: Random): Plane {
  const [min, max] = dtype === "u8" ? RANGE.u8 : RANGE.i8;
  const long = () => BigInt(random.int(-(2 ** 52), 2 ** 52)) * BigInt(random.int(-(2 ** 11), 2 ** 11));
  const short = () => BigInt(random.int(-(2 ** 12), 2 ** 12));
  return planeOf(
    Array.from({ length: records }, (): Facet => {
      const [any, lo] = [random.chance(0.5) ? long : short, random.int(min, max)];
      const shift = any === long ? random.int(1, 62) : random.int(1, 12);
      return { multiplier: any(), second: any(), offset: any(), lo, hi: random.int(lo, max), shift };
    }),
  );
}

/** A chain of all kinds of ops, of any valid dtypes, packings, sizes, posts and tiles; small. */
export function randomProgram(random: Random, packings: readonly PackingName[]): Program {
  const tensors: [ActivationDtype, number][] = [[random.pick(["u8", "i8", "i16", "f32", "i32"]), random.int(1, 40)]];
  const ops: Op[] = [];
  const add = (op: Op, dtype: ActivationDtype, channels: number) => {
    if (random.chance(0.3) && (op.kind === "dense" || op.post)) {
      const group = op.kind === "dense" ? packingOf(op).groupChannels : 1;
      op.tileChannels = group * random.int(1, 20);
    }
    ops.push(op);
    tensors.push([dtype, channels]);
  };
  const ends = () => ({ inputs: [tensors.length - 1], output: tensors.length });
  const post = (channels: number, dtype: ActivationDtype, spread: number, fixedPoint = true) => {
    const records = random.chance(0.5) ? 1 : channels;
    return random.chance(0.5) || !fixedPoint
      ? randomThresholds(records, spread, dtype === "bit", random)
      : randomRequantize(records, dtype, random);
  };
  const codes = () => random.pick(["bit", "u8", "i8"] as const);

  const [from, inputs] = tensors[0]!;
  const first = codes();
  const made = (from === "u8" || from === "i8") && random.chance(0.5) ? lookup(first, random) : undefined;
  const quantize: QuantizeOp = {
    kind: "quantize",
    ...ends(),
    post: made ?? post(inputs, first, from === "f32" || from === "i32" ? 2 ** 30 : 300, from !== "f32"),
  };
  add(quantize, first, inputs);

  for (let layers = random.int(0, 3); layers >= 0; layers--) {
    const [input, K] = tensors.at(-1)!;
    const M = random.int(1, 40);
    const dtype = input === "bit" ? "binary" : random.pick(WEIGHT_DTYPES);
    const to = codes();
    const dense: DenseOp = { kind: "dense", ...ends(), dtype, weights: weights(dtype, K * M, random) };
    const packing = random.pick(WEIGHTS[dtype].packings);
    if (packing !== WEIGHTS[dtype].packings[0] && packings.includes(packing.name)) dense.packing = packing.name;
    if (layers > 0) dense.post = post(M, to, 1000);
    add(dense, layers > 0 ? to : "i32", M);
    if (layers > 0 && to !== "bit" && random.chance(0.15)) {
      const [codes, dtype] = [tensors.length - 1, random.pick(["u8", "i8"] as const)];
      const inputs = [dense.inputs[0]!, codes];
      add(
        { ...dense, inputs, output: tensors.length, post: randomPlane(random.pick([1, M]), dtype, random) },
        dtype,
        M,
      );
    }
    if (layers > 0 && to !== "bit" && random.chance(0.3)) {
      const [first, dtype] = [tensors.length - 1, random.pick(["u8", "i8"] as const)];
      add({ ...dense, output: tensors.length, post: post(M, dtype, 1000) }, dtype, M);
      const inputs = random.chance(0.2) ? [first, first] : [first, first + 1];
      const kind = random.pick(["maximum", "add", "concat"] as const);
      const bytes = random.pick(["u8", "i8"] as const);
      if (kind === "maximum") add({ kind, inputs, output: tensors.length }, bytes, M);
      else if (kind === "concat") add({ kind, inputs, output: tensors.length }, bytes, 2 * M);
      else {
        const wide = [random.int(-9, 9), random.int(-(2 ** 31), 2 ** 31 - 1)] as const;
        const factors = random.chance(0.5) ? ([1, 1] as const) : wide;
        add({ kind, inputs, output: tensors.length, factors, post: post(M, "u8", 300) }, "u8", M);
      }
    }
  }

  const channels = tensors.at(-1)![1];
  if (random.chance(0.5)) {
    const argmax: ArgmaxOp = { kind: "argmax", ...ends() };
    if (random.chance(0.5)) {
      argmax.post = {
        kind: "scores",
        multiplier: Int32Array.from({ length: channels }, () => random.int(INT32_MIN, INT32_MAX)),
        offset: BigInt64Array.from({ length: channels }, () => BigInt(random.int(-(2 ** 50), 2 ** 50))),
      };
    }
    add(argmax, "i32", 1);
  } else if (random.chance(0.3)) {
    const to = codes();
    add({ kind: "quantize", ...ends(), post: post(channels, to, 1000) }, to, channels);
  }
  const program = programOf(tensors, ops, { maxRows: random.int(1, 8) });
  if (random.chance(0.3)) {
    const bytes = (index: number) => {
      const size = elementBytes(program.tensors[index]!);
      return Uint8Array.from({ length: size }, () => random.int(0, 255));
    };
    program.selfTest = {
      inputs: [bytes(0), bytes(0)],
      outputs: [bytes(tensors.length - 1), bytes(tensors.length - 1)],
    };
  }
  return program;
}

/** Convolutions and pools of any windows, dtypes, packings, groups, posts and tiles on a small picture; sums or codes at the end. */
export function randomPictures(random: Random, packings: readonly PackingName[]): Program {
  const first = random.pick(["u8", "i8", "bit"] as const);
  let shape: Picture = { height: random.int(1, 6), width: random.int(1, 6), channels: random.int(1, 40) };
  const tensors: TensorOf[] = [[first, [shape.height, shape.width, shape.channels]]];
  const ops: Op[] = [];
  for (let layers = random.int(1, 4); layers > 0; layers--) {
    const from = tensors.at(-1)![0];
    const { padBottom, padRight, ...window } = randomWindow(shape, random);
    const base = { inputs: [tensors.length - 1], output: tensors.length, window };
    const { channels } = shape;
    const kind = random.pick(["conv2d", "maxpool", "avgpool"] as const);
    if (from !== "bit" && random.chance(0.2)) {
      ops.push({ kind: "concat", inputs: [tensors.length - 1, tensors.length - 1], output: tensors.length });
      shape = { ...shape, channels: 2 * channels };
      tensors.push([random.pick(["u8", "i8"] as const), [shape.height, shape.width, shape.channels]]);
      continue;
    }
    if (from !== "bit" && random.chance(0.2)) {
      const to = random.pick(["u8", "i8"] as const);
      const [post, one] = [
        randomPlane(random.pick([1, channels]), to, random),
        { ...HALVES, kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1 },
      ];
      const both = { inputs: [tensors.length - 1, tensors.length - 1], output: tensors.length, window: one, post };
      const layer = {
        groups: 1,
        pad: 0,
        dtype: "ternary",
        weights: weights("ternary", channels ** 2, random),
      } as const;
      ops.push(random.chance(0.5) ? { kind: "avgpool", ...both } : { kind: "conv2d", ...both, ...layer });
      tensors.push([to, [shape.height, shape.width, channels]]);
      continue;
    }
    if (random.chance(0.15)) {
      const [factorY, factorX] = [random.int(1, 3), random.int(1, 2)];
      ops.push({ kind: "upsample", inputs: [tensors.length - 1], output: tensors.length, factorY, factorX });
      shape = { height: factorY * shape.height, width: factorX * shape.width, channels };
      tensors.push([from, [shape.height, shape.width, channels]]);
      continue;
    }
    const isLast = layers === 1 && kind !== "maxpool" && random.chance(0.5);
    const to = kind === "maxpool" ? from : isLast ? "i32" : random.pick(["bit", "u8", "i8"] as const);
    const groups = kind === "conv2d" && from !== "bit" && random.chance(0.3) ? channels : 1;
    const outputs = kind === "conv2d" ? groups * random.int(1, 20) : channels;
    const records = random.chance(0.5) ? 1 : outputs;
    const post = random.chance(0.5)
      ? randomThresholds(records, 300, to === "bit", random)
      : randomRequantize(records, to, random);
    const made = { ...base, ...(!isLast && { post, tileChannels: 16 * random.int(1, 2) }) };
    if (kind === "maxpool") ops.push({ kind, ...base });
    else if (kind === "avgpool") ops.push({ kind, ...made });
    else {
      const dtype = from === "bit" ? "binary" : random.pick(WEIGHT_DTYPES);
      const own = groups === channels && from !== "bit" ? [TAP8, TAP8, TAP8] : [];
      const packing = random.pick([...WEIGHTS[dtype].packings, ...own]);
      const count = (outputs * window.kernelHeight * window.kernelWidth * channels) / groups;
      const pad = from === "u8" ? random.int(0, 255) : from === "i8" ? random.int(-128, 127) : 0;
      const chosen = packing !== WEIGHTS[dtype].packings[0] && packings.includes(packing.name);
      ops.push({
        ...{ kind, ...made, groups, pad, dtype, weights: weights(dtype, count, random) },
        ...(chosen && { packing: packing.name }),
      });
    }
    shape = { ...windowSize({ ...window, padBottom, padRight }, shape), channels: outputs };
    tensors.push([to, [shape.height, shape.width, outputs]]);
  }
  return programOf(tensors, ops, { maxRows: random.int(1, 4) });
}

/** A window of 3 × 3, one position further each time, padded by one. */
const SQUARE: Window = {
  ...{ kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1 },
  ...{ dilationY: 1, dilationX: 1, padTop: 1, padLeft: 1 },
};
/** A window of 2 × 2 without padding. */
const HALVES: Window = { ...SQUARE, kernelHeight: 2, kernelWidth: 2, strideY: 2, strideX: 2, padTop: 0, padLeft: 0 };

/** Small programs that together have every op, dtype, packing and post. */
export const SMALL: Record<string, Program> = {
  "u8 → lookup → ternary → int8 → argmax of scores": programOf(
    [
      ["u8", 5],
      ["u8", 5],
      ["u8", 3],
      ["i32", 3],
      ["i32", 1],
    ],
    [
      {
        kind: "quantize",
        inputs: [0],
        output: 1,
        post: { kind: "lookup", table: Int16Array.from({ length: 256 }, (_, byte) => byte >> 6) },
      },
      {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "ternary",
        weights: Int8Array.of(1, 0, -1, 1, 0, -1, -1, 1, 1, 0, 0, 1, 1, 1, -1),
        post: thresholds({ base: 0, up: [-1, 2, 3] }, { base: 3, down: [0, 1] }, { base: 1, up: [4], down: [1] }),
        tileChannels: 2,
      },
      { kind: "dense", inputs: [2], output: 3, dtype: "int8", weights: Int8Array.of(-128, 127, 3, 9, -77, 5, 1, 2, 4) },
      {
        kind: "argmax",
        inputs: [3],
        output: 4,
        post: { kind: "scores", multiplier: Int32Array.of(3, -2, 5), offset: BigInt64Array.of(0n, -9n, 2n ** 40n) },
        tileChannels: 2,
      },
    ],
  ),
  "f32 → bit → binary × bit → binary × bit → argmax": programOf(
    [
      ["f32", 3],
      ["bit", 3],
      ["bit", 9],
      ["i32", 2],
      ["i32", 1],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: thresholds({ base: -1, up: [0] }) },
      {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "binary",
        weights: Int8Array.from({ length: 27 }, (_, i) => ((i * 7) % 5 > 2 ? -1 : 1)),
        post: thresholds({ base: 0, down: [1] }),
      },
      {
        kind: "dense",
        inputs: [2],
        output: 3,
        dtype: "binary",
        weights: Int8Array.from({ length: 18 }, (_, i) => ((i * 5) % 7 > 3 ? -1 : 1)),
      },
      { kind: "argmax", inputs: [3], output: 4 },
    ],
  ),
  "i16 → requantize → int3 → int4 → int2 → quantize of i32": programOf(
    [
      ["i16", 11],
      ["i8", 11],
      ["i8", 4],
      ["u8", 3],
      ["i32", 2],
      ["bit", 2],
    ],
    [
      {
        kind: "quantize",
        inputs: [0],
        output: 1,
        post: requantize({ lo: -100, hi: 100, rounding: "half-even" }, smallLine(-3, 17, 9)),
      },
      {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "int3",
        weights: Int8Array.from({ length: 44 }, (_, i) => ((i * 5) % 8) - 4),
        post: requantize(
          { lo: -128, hi: 127, rounding: "floor" },
          ...[1, -2, 3, 4].map((multiplier) => smallLine(multiplier, -5, 2)),
        ),
        tileChannels: 3,
      },
      {
        kind: "dense",
        inputs: [2],
        output: 3,
        dtype: "int4",
        weights: Int8Array.from({ length: 12 }, (_, i) => ((i * 11) % 16) - 8),
        post: thresholds({ base: 0, up: [-50, 0, 50] }),
      },
      { kind: "dense", inputs: [3], output: 4, dtype: "int2", weights: Int8Array.of(-2, 1, 0, 1, -1, -2) },
      { kind: "quantize", inputs: [4], output: 5, post: thresholds({ base: -1, up: [0] }, { base: 1, down: [-1, 3] }) },
    ],
  ),
  "i8 → lookup → binary × i8": programOf(
    [
      ["i8", 2],
      ["i8", 2],
      ["i32", 2],
    ],
    [
      {
        kind: "quantize",
        inputs: [0],
        output: 1,
        post: { kind: "lookup", table: Int16Array.from({ length: 256 }, (_, byte) => 127 - byte) },
      },
      { kind: "dense", inputs: [1], output: 2, dtype: "binary", weights: Int8Array.of(1, -1, -1, -1) },
    ],
  ),
  "u8 → ternary, and int2 → maximum → binary": programOf(
    [
      ["u8", 5],
      ["i8", 3],
      ["u8", 3],
      ["i8", 3],
      ["i32", 2],
    ],
    [
      {
        kind: "dense",
        inputs: [0],
        output: 1,
        dtype: "ternary",
        weights: Int8Array.of(1, 0, -1, 1, 0, -1, -1, 1, 1, 0, 0, 1, 1, 1, -1),
        post: thresholds({ base: -2, up: [-9, 2, 300] }),
      },
      {
        kind: "dense",
        inputs: [0],
        output: 2,
        dtype: "int2",
        weights: Int8Array.of(-2, 0, 1, 1, 0, 1, -1, 1, -2, 0, 0, 1, 0, 1, -1),
        post: thresholds({ base: 0, up: [-90, 20] }),
      },
      { kind: "maximum", inputs: [1, 2], output: 3 },
      { kind: "dense", inputs: [3], output: 4, dtype: "binary", weights: Int8Array.of(1, -1, -1, 1, 1, 1) },
    ],
  ),
  "u8 picture → ternary → sum → maxpool → binary × bit → avgpool": programOf(
    [
      ["u8", [4, 4, 3]],
      ["u8", [4, 4, 3]],
      ["i8", [4, 4, 3]],
      ["bit", [4, 4, 3]],
      ["bit", [2, 2, 3]],
      ["i8", [2, 2, 2]],
      ["i32", [1, 1, 2]],
    ],
    [
      {
        ...{ kind: "conv2d", inputs: [0], output: 1, window: SQUARE, groups: 1, pad: 7, dtype: "ternary" },
        weights: Int8Array.from({ length: 81 }, (_, i) => ((i * 7) % 3) - 1),
        post: thresholds({ base: 0, up: [-90, 3, 80] }),
        tileChannels: 2,
      },
      {
        ...{
          kind: "conv2d",
          inputs: [0],
          output: 2,
          window: SQUARE,
          groups: 3,
          pad: 9,
          dtype: "int8",
          packing: "tap8",
        },
        weights: Int8Array.from({ length: 27 }, (_, i) => ((i * 37) % 256) - 128),
        post: requantize(
          { lo: -100, hi: 100, rounding: "half-even" },
          ...[3, -2, 5].map((multiplier) => smallLine(multiplier, 7, 9)),
        ),
      },
      { kind: "add", inputs: [1, 2], output: 3, factors: [2, -1], post: thresholds({ base: -1, up: [4] }) },
      { kind: "maxpool", inputs: [3], output: 4, window: HALVES },
      {
        ...{ kind: "conv2d", inputs: [4], output: 5, window: SQUARE, groups: 1, pad: 0, dtype: "binary" },
        weights: Int8Array.from({ length: 54 }, (_, i) => ((i * 5) % 7 > 3 ? -1 : 1)),
        post: thresholds({ base: 0, up: [-3, 2] }),
      },
      { kind: "avgpool", inputs: [5], output: 6, window: HALVES },
    ],
  ),
  "u8 picture → maxpool → upsample → concat → ternary, and bits → upsample → binary": programOf(
    [
      ["u8", [2, 4, 3]],
      ["u8", [1, 2, 3]],
      ["u8", [2, 4, 3]],
      ["i8", [2, 4, 6]],
      ["bit", [2, 4, 2]],
      ["bit", [2, 8, 2]],
      ["i32", [2, 8, 2]],
    ],
    [
      { kind: "maxpool", inputs: [0], output: 1, window: HALVES },
      { kind: "upsample", inputs: [1], output: 2, factorY: 2, factorX: 2 },
      { kind: "concat", inputs: [0, 2], output: 3 },
      {
        ...{ kind: "conv2d", inputs: [3], output: 4, window: SQUARE, groups: 1, pad: 0, dtype: "ternary" },
        weights: Int8Array.from({ length: 108 }, (_, i) => ((i * 7) % 3) - 1),
        post: thresholds({ base: -1, up: [3] }),
      },
      { kind: "upsample", inputs: [4], output: 5, factorY: 1, factorX: 2 },
      {
        ...{ kind: "conv2d", inputs: [5], output: 6, window: SQUARE, groups: 1, pad: 0, dtype: "binary" },
        weights: Int8Array.from({ length: 36 }, (_, i) => ((i * 5) % 7 > 3 ? -1 : 1)),
      },
    ],
  ),
  "u8 picture → ternary and codes, avgpool and codes, i32 and codes, by planes": programOf(
    [
      ["u8", [2, 3, 2]],
      ["i8", [2, 3, 2]],
      ["u8", [2, 3, 2]],
      ["i32", [2, 3, 2]],
      ["i8", [2, 3, 2]],
    ],
    [
      {
        ...{ kind: "conv2d", inputs: [0, 0], output: 1, window: SQUARE, groups: 1, pad: 7, dtype: "ternary" },
        weights: Int8Array.from({ length: 36 }, (_, i) => ((i * 7) % 3) - 1),
        post: planeOf([
          { multiplier: 3n, second: -40n, offset: 7n, lo: -100, hi: 100, shift: 3 },
          { multiplier: -(2n ** 40n), second: 2n ** 41n, offset: -(2n ** 39n), lo: -128, hi: 127, shift: 42 },
        ]),
        tileChannels: 1,
      },
      {
        ...{ kind: "avgpool", inputs: [0, 1], output: 2, window: SQUARE },
        post: planeOf([{ multiplier: 1n, second: 2n, offset: 0n, lo: 0, hi: 255, shift: 2 }]),
      },
      {
        ...{
          kind: "conv2d",
          inputs: [2],
          output: 3,
          window: SQUARE,
          groups: 2,
          pad: 0,
          dtype: "int8",
          packing: "tap8",
        },
        weights: Int8Array.from({ length: 18 }, (_, i) => ((i * 37) % 256) - 128),
      },
      {
        ...{ kind: "quantize", inputs: [3, 1], output: 4 },
        post: planeOf([{ multiplier: 5n, second: 640n, offset: 3n, lo: -128, hi: 127, shift: 9 }]),
      },
    ],
  ),
  "i8 picture → maxpool → avgpool → bits → maxpool → avgpool": programOf(
    [
      ["i8", [4, 5, 3]],
      ["i8", [2, 3, 3]],
      ["bit", [2, 3, 3]],
      ["bit", [1, 2, 3]],
      ["i32", [1, 1, 3]],
    ],
    [
      { kind: "maxpool", inputs: [0], output: 1, window: { ...HALVES, padLeft: 1 } },
      {
        ...{
          kind: "avgpool",
          inputs: [1],
          output: 2,
          window: { ...HALVES, strideY: 1, strideX: 1, padTop: 1, padLeft: 1 },
        },
        post: thresholds({ base: -1, up: [-3] }, { base: 0, down: [2] }, { base: -1, up: [40] }),
        tileChannels: 2,
      },
      { kind: "maxpool", inputs: [2], output: 3, window: HALVES },
      { kind: "avgpool", inputs: [3], output: 4, window: { ...HALVES, kernelHeight: 1 } },
    ],
  ),
};

/** Small programs of all ops of float regions. */
export const FLOATS: Record<string, Program> = {
  "u8 picture → patches → linear → an encoder → activation → float_linear → mean": programOf(
    [
      ["u8", [2, 2, 3]],
      ["u8", [1, 2, 6]],
      ["f32", [1, 2, 4]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 4]],
      ["scaled8", [3, 1, 4]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 2]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 4]],
      ["f32", [3, 1, 3]],
      ["f32", 3],
    ],
    [
      { kind: "patches", inputs: [0], output: 1, height: 2, width: 1 },
      {
        ...{ kind: "linear", inputs: [1], output: 2, dtype: "ternary", tileChannels: 3 },
        weights: Int8Array.from({ length: 24 }, (_, i) => ((i * 7) % 3) - 1),
        post: floatPost(4, 0.01),
      },
      { kind: "positions", inputs: [2], output: 3, floats: someFloats(12), tileChannels: 2 },
      { kind: "layer_norm", inputs: [3], output: 4, epsilon: 2 ** -17, post: floatPost(4), tileChannels: 3 },
      { kind: "quantize_rows", inputs: [4], output: 5, levels: 127, epsilon: 2 ** -17 },
      {
        ...{ kind: "linear", inputs: [5], output: 6, dtype: "int8" },
        weights: Int8Array.from({ length: 16 }, (_, i) => ((i * 37) % 256) - 128),
        post: floatPost(1, 2 ** -7),
      },
      {
        ...{ kind: "linear", inputs: [5], output: 7, dtype: "binary" },
        weights: Int8Array.of(1, -1, -1, 1, 1, 1, -1, 1),
        post: floatPost(2),
      },
      { kind: "attention", inputs: [6, 7, 7], output: 8, heads: 2, keyHeads: 1, scale: 0.5 },
      { kind: "float_add", inputs: [4, 8], output: 9 },
      { kind: "rms_norm", inputs: [9], output: 10, epsilon: 0 },
      { kind: "activation", inputs: [10], output: 11, function: "gelu" },
      { kind: "float_linear", inputs: [11], output: 12, floats: someFloats(12), post: floatPost(3), tileChannels: 2 },
      { kind: "mean", inputs: [12], output: 13 },
    ],
    { outputs: [13, 9] },
  ),
  "i16 → dequantize → float_mul → activation → pick → softmax": programOf(
    [
      ["i16", [2, 2, 5]],
      ["f32", [2, 2, 5]],
      ["f32", [2, 2, 5]],
      ["f32", [2, 2, 5]],
      ["f32", 5],
      ["f32", 5],
    ],
    [
      { kind: "dequantize", inputs: [0], output: 1, post: floatPost(5, 2 ** -14), tileChannels: 2 },
      { kind: "float_mul", inputs: [1, 1], output: 2 },
      { kind: "activation", inputs: [2], output: 3, function: "silu" },
      { kind: "pick", inputs: [3], output: 4, position: 2 },
      { kind: "softmax", inputs: [4], output: 5 },
    ],
  ),
};

/** A small program in packings that variants with vectors run. */
export const PACKED: Record<string, Program> = {
  "u8 → pair4 → int3 in field4 → binary in sign128": programOf(
    [
      ["u8", 5],
      ["u8", 18],
      ["bit", 3],
      ["i32", 2],
    ],
    [
      {
        kind: "dense",
        inputs: [0],
        output: 1,
        dtype: "ternary",
        packing: "pair4",
        weights: Int8Array.from({ length: 90 }, (_, i) => ((i * 7) % 3) - 1),
        post: thresholds({ base: 0, up: [-90, 3, 80] }),
        tileChannels: 16,
      },
      {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "int3",
        packing: "field4",
        weights: Int8Array.from({ length: 54 }, (_, i) => ((i * 5) % 8) - 4),
        post: thresholds({ base: -1, up: [-9] }),
      },
      {
        kind: "dense",
        inputs: [2],
        output: 3,
        dtype: "binary",
        packing: "sign128",
        weights: Int8Array.of(1, -1, -1, -1, 1, -1),
      },
    ],
  ),
};

/** Ops of float regions, one after the other, on a few positions; `packings` are those that a module runs. The first elements are of u8, i8 or i16. */
export function randomFloats(random: Random, packings: readonly PackingName[]): Program {
  const shapeOf = () => [random.int(1, 4), random.int(1, 3), random.int(1, 40)] as [number, number, number];
  const tensors: [ActivationDtype, [number, number, number]][] = [[random.pick(["u8", "i8", "i16"]), shapeOf()]];
  const ops: Op[] = [];
  const floats = (count: number) => someFloats(count, () => random.unit() * 2 - 1);
  const post = (channels: number, size = 1): FloatPost => {
    const records = random.chance(0.5) ? 1 : channels;
    return { kind: "float", records, scale: floats(records).map((x) => size * x), bias: floats(records) };
  };
  const last = () => tensors.length - 1;
  const add = (op: Op, dtype: ActivationDtype, shape: [number, number, number]): number => {
    if ((op.post || "floats" in op) && random.chance(0.3)) {
      op.tileChannels = (op.kind === "linear" ? packingOf(op).groupChannels : 1) * random.int(1, 20);
    }
    ops.push(op);
    return tensors.push([dtype, shape]) - 1;
  };
  const ends = (from = last()) => ({ inputs: [from], output: tensors.length });
  const linear = (from: number, channels: number): number => {
    const [, [height, width, inputs]] = tensors[from]!;
    const dtype = random.pick(WEIGHT_DTYPES);
    const held = WEIGHTS[dtype].packings.filter(
      ({ name }) => name !== "trit4" && name !== "trit5" && packings.includes(name),
    );
    const packing = random.pick([WEIGHTS[dtype].packings[0], ...held]);
    const op = { kind: "linear", ...ends(from), dtype, weights: weights(dtype, inputs * channels, random) } as const;
    const own = packing === WEIGHTS[dtype].packings[0] ? {} : { packing: packing.name };
    return add({ ...op, ...own, post: post(channels, 2 ** -7) }, "f32", [height, width, channels]);
  };
  const floatLinear = (from: number, channels: number): number => {
    const [, [height, width, inputs]] = tensors[from]!;
    const op = {
      kind: "float_linear",
      ...ends(from),
      floats: floats(inputs * channels),
      post: post(channels),
    } as const;
    return add({ ...op }, "f32", [height, width, channels]);
  };

  const [first, [height, width, channels]] = tensors[0]!;
  if (first !== "i16" && random.chance(0.3)) {
    const op = { kind: "patches", ...ends(), height, width: 1 } as const;
    add(op, first, [1, width, height * channels]);
  }
  if (first !== "i16" && random.chance(0.5)) linear(last(), random.int(1, 40));
  else add({ kind: "dequantize", ...ends(), post: post(tensors[last()]![1][2], 2 ** -8) }, "f32", tensors[last()]![1]);

  for (let steps = random.int(2, 6); steps > 0; steps--) {
    const [, shape] = tensors.at(-1)!;
    const [height, width, channels] = shape;
    const epsilon = random.pick([0, 2 ** -17, 1]);
    const norm = random.chance(0.5) ? { post: post(channels) } : {};
    const kind = random.pick([
      "codes",
      "linear",
      "layer_norm",
      "rms_norm",
      "activation",
      "join",
      "softmax",
      "attention",
      "patches",
      "positions",
    ] as const);
    if (kind === "codes") {
      const [levels, epsilon] = [random.pick([127, 7]), random.pick([2 ** -17, 1])];
      linear(add({ kind: "quantize_rows", ...ends(), levels, epsilon }, "scaled8", shape), random.int(1, 40));
    } else if (kind === "linear") floatLinear(last(), random.int(1, 40));
    else if (kind === "layer_norm" || kind === "rms_norm") add({ kind, ...ends(), epsilon, ...norm }, "f32", shape);
    else if (kind === "activation") add({ kind, ...ends(), function: random.pick(ACTIVATIONS) }, "f32", shape);
    else if (kind === "join") {
      const other = random.chance(0.5) ? last() : floatLinear(last(), channels);
      const join = random.pick(["float_add", "float_mul"] as const);
      add({ kind: join, inputs: [random.pick([last(), other]), other], output: tensors.length }, "f32", shape);
    } else if (kind === "softmax") add({ kind, ...ends() }, "f32", shape);
    else if (kind === "attention") {
      const [keyHeads, sharing, size, from] = [random.int(1, 3), random.int(1, 2), random.int(1, 9), last()];
      const heads = keyHeads * sharing;
      const inputs = [heads, keyHeads, keyHeads].map((count) => floatLinear(from, count * size));
      const op = { kind, inputs, output: tensors.length, heads, keyHeads, scale: Math.fround(random.unit()) };
      add(op, "f32", [height, width, heads * size]);
    } else if (kind === "patches") add({ kind, ...ends(), height, width: 1 }, "f32", [1, width, height * channels]);
    else {
      const positions = height * width + random.int(0, 2);
      add({ kind, ...ends(), floats: floats(positions * channels) }, "f32", [positions, 1, channels]);
    }
  }
  const [, [lines, columns, outputs]] = tensors.at(-1)!;
  if (random.chance(0.5)) add({ kind: "mean", ...ends() }, "f32", [1, 1, outputs]);
  else add({ kind: "pick", ...ends(), position: random.int(0, lines * columns - 1) }, "f32", [1, 1, outputs]);
  return programOf(tensors, ops, { maxRows: random.int(1, 8) });
}

/** A small network of ternary weights in a packing. */
function ternary(packing: PackingName): Program {
  const dense = { kind: "dense", dtype: "ternary", packing } as const;
  const hidden = Int8Array.from({ length: 102 }, (_, i) => (((i * 7) % 5) % 3) - 1);
  const last = Int8Array.from({ length: 18 }, (_, i) => ((i * 5) % 3) - 1);
  return programOf(
    [
      ["u8", 17],
      ["u8", 6],
      ["i32", 3],
    ],
    [
      { ...dense, inputs: [0], output: 1, weights: hidden, post: thresholds({ base: 0, up: [-90, 3, 80] }) },
      { ...dense, inputs: [1], output: 2, weights: last },
    ],
  );
}
/** What the modules of devices run, and what also the smallest of them run. */
export const TRIT4: Record<string, Program> = { "u8 → trit4 → trit4": ternary("trit4") };
export const TERNARY: Record<string, Program> = { "u8 → field2 → field2": ternary("field2") };

/** The program with two golden pairs. */
export function withGoldenPairs(program: Program): Program {
  const reference = referenceBackend(program, 1);
  const [input, output] = [program.inputs[0]!, program.outputs[0]!];
  const pairs = [3, 5].map((factor) => {
    const tensor = program.tensors[input]!;
    const elements = Array.from({ length: tensor.channels }, (_, i) => (i * factor) & 7);
    const bytes = new Uint8Array(rowStride(tensor));
    encodeRow(bytes, tensor, elements, 0);
    reference.write(input, elements, 1);
    reference.invoke(0, program.ops.length, 1);
    const result = new Uint8Array(rowStride(program.tensors[output]!));
    encodeRow(result, program.tensors[output]!, reference.read(output, 1), 0);
    return [
      bytes.subarray(0, elementBytes(tensor)),
      result.subarray(0, elementBytes(program.tensors[output]!)),
    ] as const;
  });
  return {
    ...program,
    selfTest: { inputs: pairs.map(([input]) => input), outputs: pairs.map(([, output]) => output) },
  };
}
