import { describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { readFlexMap } from "../../../host/checkpoint/tflite/flexbuffer.ts";
import { convert } from "../../../host/convert.ts";
import { v8 } from "../../../host/engines/v8.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { load } from "../../../host/run/session.ts";
import { MODULE } from "../../sessions.ts";
import { hostile } from "../hostile.ts";
import { encode, flexMap, type Net } from "./build.ts";
import {
  BIAS,
  between,
  type Case,
  CHANNELS,
  FILTERS,
  HEIGHT,
  INPUT,
  K,
  MULTIPLIER,
  netOf,
  OUTPUT,
  SIGNS,
  THRESHOLDS,
  WIDTH,
} from "./larq_net.ts";

// Files of Larq Compute Engine, made by hand, and what its kernels compute (core/bconv2d/reference.h, output_transform.h), in plain loops over signs.

const { fround } = Math;
const away = (x: number) => Math.sign(x) * Math.round(Math.abs(x));
const clamp = (x: number, min: number, max: number) => Math.min(Math.max(x, min), max);
const CLAMPS: Record<number, [number, number]> = { 0: [-K, K], 1: [0, K], 2: [-1, 1], 3: [0, 6] };

/** What the kernels give for the codes of a picture, as real numbers. */
function definition({ padding, stride, activation, output }: Case, codes: number[]): number[] {
  const signs = codes.map((q) => (q >= INPUT.zero ? 1 : -1));
  const around = padding === "ones" ? 1 : 0;
  const at = (i: number, j: number, c: number) =>
    i < 0 || j < 0 || i >= HEIGHT || j >= WIDTH ? around : signs[(i * WIDTH + j) * CHANNELS + c]!;
  const out = (size: number) => Math.ceil((padding === "valid" ? size - 2 : size) / stride);
  // SAME: of what is missing the smaller half comes first
  const before = (size: number) =>
    padding === "valid" ? 0 : Math.floor(Math.max(0, (out(size) - 1) * stride + 3 - size) / 2);
  const y: number[] = [];
  for (let i = 0; i < out(HEIGHT); i++)
    for (let j = 0; j < out(WIDTH); j++)
      for (let m = 0; m < FILTERS; m++) {
        let sum = 0;
        for (let u = 0; u < 3; u++)
          for (let v = 0; v < 3; v++)
            for (let c = 0; c < CHANNELS; c++) {
              sum +=
                SIGNS[((m * 3 + u) * 3 + v) * CHANNELS + c]! *
                at(i * stride - before(HEIGHT) + u, j * stride - before(WIDTH) + v, c);
            }
        const differing = (K - sum) / 2;
        const [min, max] = CLAMPS[activation]!;
        if (output === "FLOAT32") y.push(fround(clamp(sum, min, max) * MULTIPLIER[m]! + BIAS[m]!));
        else if (output === "INT32") {
          const code = OUTPUT.zero + (differing > THRESHOLDS[m]! ? -1 : 1) * away(fround(1 / OUTPUT.scale));
          y.push(fround((code - OUTPUT.zero) * OUTPUT.scale));
        } else {
          const twice = clamp(2 * differing, K - max, K - min);
          const factor = fround(-MULTIPLIER[m]! / OUTPUT.scale);
          const offset = fround((BIAS[m]! + K * MULTIPLIER[m]!) / OUTPUT.scale + OUTPUT.zero);
          const code = clamp(away(fround(fround(twice * factor) + offset)), -128, 127);
          y.push(fround((code - OUTPUT.zero) * OUTPUT.scale));
        }
      }
  return y;
}

const ROWS = 4;
const CASES: Case[] = [
  { padding: "valid", stride: 1, activation: 0, output: "INT8" },
  { padding: "valid", stride: 2, activation: 1, output: "INT8" },
  { padding: "ones", stride: 1, activation: 0, output: "INT8" },
  { padding: "ones", stride: 2, activation: 3, output: "INT8" },
  { padding: "valid", stride: 1, activation: 0, output: "INT32" },
  { padding: "ones", stride: 1, activation: 0, output: "INT32" },
  { padding: "valid", stride: 1, activation: 2, output: "FLOAT32" },
  { padding: "zeros", stride: 1, activation: 1, output: "FLOAT32" },
  { padding: "ones", stride: 2, activation: 0, output: "FLOAT32" },
];

describe.each(CASES)("LceBconv2d, $padding, stride $stride, activation $activation, to $output", (it_) => {
  const file = encode(netOf(it_));
  const size = HEIGHT * WIDTH * CHANNELS;
  const codes = Array.from({ length: ROWS * size }, () => between(-9, 3));

  it("is what the kernels compute", () => {
    const { graph } = readCheckpoint(file);
    const reals = Float32Array.from(codes, (q) => (q - INPUT.zero) * INPUT.scale);
    const [found] = evaluate(graph, [reals], ROWS);
    const expected = Array.from({ length: ROWS }, (_, r) =>
      definition(it_, codes.slice(r * size, (r + 1) * size)),
    ).flat();
    expect(found).toEqual(Float32Array.from(expected));
    expect(new Set(expected).size).toBeGreaterThan(1);
  });

  it("converts, and the blob computes the same", async () => {
    const { blob } = await convert(file);
    const session = await load({ module: MODULE, blob, engine: v8 });
    const [output] = session.run([Int8Array.from(codes)]);
    session.dispose();
    const { graph } = readCheckpoint(file);
    const reals = Float32Array.from(codes, (q) => (q - INPUT.zero) * INPUT.scale);
    expect(output!.scores).toEqual(evaluate(graph, [reals], ROWS)[0]);
  });
});

const pooled = (): Net => ({
  tensors: [
    { name: "x", shape: [1, 5, 4, 33], type: "FLOAT32" },
    { name: "bits", shape: [1, 5, 4, 2], type: "INT32" },
    { name: "pooled", shape: [1, 3, 2, 2], type: "INT32" },
    { name: "y", shape: [1, 3, 2, 33], type: "FLOAT32" },
  ],
  operators: [
    { op: "CUSTOM LceQuantize", inputs: [0], outputs: [1] },
    {
      ...{ op: "CUSTOM LceBMaxPool2d", inputs: [1], outputs: [2] },
      custom: { filter_height: 2, filter_width: 2, stride_height: 2, stride_width: 2, padding: "SAME" },
    },
    { op: "CUSTOM LceDequantize", inputs: [2], outputs: [3] },
  ],
  inputs: [0],
  outputs: [3],
});

it("LceBMaxPool2d gives +1 where one of the window is; the sign of 0 is +1", () => {
  const { graph } = readCheckpoint(encode(pooled()));
  const x = Float32Array.from(
    { length: 5 * 4 * 33 },
    () => [-0.5, -0.25, -1e-9, 0, 2][between(0, 4) % 5]! - (between(0, 9) < 7 ? 1 : 0),
  );
  const expected: number[] = [];
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 2; j++)
      for (let c = 0; c < 33; c++) {
        const window = [0, 1].flatMap((u) =>
          [0, 1].map((v) => (2 * i + u < 5 ? x[((2 * i + u) * 4 + 2 * j + v) * 33 + c]! : -1)),
        );
        expected.push(window.some((e) => e >= 0) ? 1 : -1);
      }
  expect([...evaluate(graph, [x], 1)[0]!]).toEqual(expected);
});

describe("what is refused", () => {
  const net = (change: (net: Net) => void) => {
    const made = netOf(CASES[0]!);
    change(made);
    return encode(made);
  };
  it.each<[string, Uint8Array, new (...args: never[]) => Error, string]>([
    [
      "zeros around a picture of codes",
      encode(netOf({ ...CASES[0]!, padding: "zeros" })),
      UnsupportedError,
      "pad_values of 1",
    ],
    ["bits as an output", net((n) => (n.outputs = [1])), UnsupportedError, "LceDequantize before it"],
    ["codes as an input", net((n) => (n.operators[1]!.inputs[0] = 0)), UnsupportedError, "its input is of no bits"],
    [
      "other channels",
      net((n) => (n.operators[1]!.custom!.channels_in = 36)),
      CheckpointError,
      "channels_in 36, but its input has 35",
    ],
    [
      "filters of other words",
      net((n) => (n.tensors[2]!.shape[3] = 1)),
      CheckpointError,
      "expected int32 [outputs, height, width, 2] for 35 channels",
    ],
    ["no options", net((n) => delete n.operators[1]!.custom), CheckpointError, "no options, expected a map"],
    [
      "an option that is missing",
      net((n) => delete n.operators[1]!.custom!.stride_width),
      CheckpointError,
      'option "stride_width" is missing',
    ],
    [
      "an activation of another kind",
      net((n) => (n.operators[1]!.custom!.fused_activation_function = 5)),
      UnsupportedError,
      "activation is number 5",
    ],
    [
      "biases that are no numbers",
      net((n) => (n.tensors[4]!.data = new Float32Array(FILTERS).fill(Number.NaN))),
      CheckpointError,
      'biases "bias": element 0 is NaN',
    ],
  ])("%s", (_, file, kind, why) => {
    expect(() => readCheckpoint(file)).toThrow(kind);
    expect(() => readCheckpoint(file)).toThrow(why);
  });
});

const OPTIONS = flexMap({ channels_in: 300, stride_height: -1, padding: "SAME" });

it("options are read", () => {
  expect([...readFlexMap(OPTIONS, "options")]).toEqual([
    ["channels_in", 300],
    ["padding", "SAME"],
    ["stride_height", -1],
  ]);
});

hostile("FlexBuffer", OPTIONS, (bytes) => readFlexMap(bytes, "options"));
hostile("Larq", encode(pooled()), (bytes) => readCheckpoint(bytes));
