import { afterAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../../../host/base/errors.ts";
import { convert } from "../../../host/convert.ts";
import { refusalsIn } from "../refusals.ts";
import { encode, type Net, type NetOperator, type NetTensor } from "./build.ts";
import { netOf } from "./larq_net.ts";
import { type Change, changed, DENSE, toUint8 } from "./nets.ts";

// Every refusal gives an advice. Here each one is followed, and what comes of it converts.

type Case = [instead: string, refused: Net, followed: Net];

/** A tensor as a list of nodes has it: int32 constants; weights of int8; what a node makes. */
const int32 = (name: string, ...numbers: number[]): NetTensor => {
  return { name, shape: [numbers.length], type: "INT32", data: Int32Array.from(numbers) };
};
const weights = (name: string, ...shape: number[]): NetTensor => {
  const data = Int8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) - 3);
  return { name, shape, data, scale: [0.25], zero: [0] };
};
const made = (name: string, ...shape: number[]): NetTensor => ({ name, shape, scale: [0.5], zero: [0] });

const STRIDES = { strideX: 1, strideY: 1, dilationX: 1, dilationY: 1 };

type Placed = [op: string, inputs: string, output: NetTensor, options?: NetOperator["options"]];

/** A net on a picture x [1, 2, 4, 3] of these nodes, by the names of tensors, of which those not given are made. */
function picture(nodes: Placed[], others: NetTensor[] = []): Net {
  const tensors = [made("x", 1, 2, 4, 3), ...others, ...nodes.map(([, , output]) => output)];
  const index = (name: string) => tensors.findIndex((tensor) => tensor.name === name);
  const operators = nodes.map(([op, inputs, { name }, options]): NetOperator => {
    return { op, inputs: inputs.split(" ").map(index), outputs: [index(name)], ...(options && { options }) };
  });
  return { tensors, operators, inputs: [0], outputs: [tensors.length - 1] };
}

const pool = (input: string, output: NetTensor, options = {}): Placed => [
  "MAX_POOL_2D",
  input,
  output,
  { ...STRIDES, width: 1, height: 1, padding: 1, ...options },
];
const conv = (input: string, output: NetTensor, options = {}): Placed => [
  "CONV_2D",
  `${input} w`,
  output,
  { ...STRIDES, padding: 1, ...options },
];
const dense = (input: string): Placed => ["FULLY_CONNECTED", `${input} w`, made("y", 1, 2)];
const slice = (
  ...options: [ends: [number[], number[], number[]], shape: number[], masks?: Record<string, number>]
): Net => {
  const [[begin, end, strides], shape, masks] = options;
  const others = [int32("begin", ...begin), int32("end", ...end), int32("strides", ...strides)];
  return picture([["STRIDED_SLICE", "x begin end strides", made("y", ...shape), masks ?? {}]], others);
};
const flat = [weights("w", 2, 24)];
const kernel = weights("w", 2, 1, 1, 3);
const kernel3 = weights("w", 2, 3, 3, 3);
const every = slice(
  [
    [0, 0, 0, 0],
    [1, 2, 4, 3],
    [1, 2, 2, 1],
  ],
  [1, 1, 2, 3],
);
const lines = int32("lines", 0, 0, 1, 1, 1, 1, 0, 0);
const padded = made("p", 1, 4, 6, 3);

/** Changes of the dense net, each of which is refused; what follows its advice is the net as it was. */
const OF_DENSE: [instead: string, change: Change][] = [
  ["1 to 3: height, width and channels", ({ tensors }) => (tensors[0]!.shape = [1, 1, 1, 1, 2])],
  ["a batch of 1 and at least one axis more", ({ tensors }) => (tensors[0]!.shape = [2, 2])],
  ["full integer quantization", ({ tensors }) => (tensors[0]!.type = "FLOAT32")],
  ["full integer quantization", ({ tensors }) => (tensors[3]!.type = "INT16")],
  ["one that depends on the network's input", ({ operators }) => (operators[0]!.inputs = [1, 1, 2])],
  ["weights that the file holds", ({ operators }) => (operators[0]!.inputs = [0, 0, 2])],
  ["one scale above 0 for all of its codes", ({ tensors }) => (tensors[3]!.scale = [0])],
  ["one of -128 to 127", ({ tensors }) => (tensors[3]!.zero = [128])],
  ["at most 16777216", ({ tensors }) => (tensors[3]!.shape = [1, 2 ** 24 + 1])],
  ["NONE, RELU, RELU6 or RELU_N1_TO_1", ({ operators }) => (operators[0]!.options = { activation: 4 })],
  ["an output scale that is not so far below", ({ tensors }) => (tensors[3]!.scale = [2 ** -30])],
  ["what a network of layers needs: ", ({ operators }) => (operators[0]!.op = "LSTM")],
  ["constants as they are", ({ tensors }) => (tensors[1]!.isVariable = true)],
  ["1 to 262144", ({ tensors }) => (tensors[0]!.shape = [1, 2 ** 18 + 1])],
  ["weights of int8 or int4, by full integer quantization", ({ tensors }) => (tensors[1]!.type = "FLOAT32")],
  ["one, or 2 along axis 0", ({ tensors }) => (tensors[1]!.scale = [1, 2, 3])],
  ["finite scales of 0 or more", ({ tensors }) => (tensors[1]!.scale = [-1])],
  ["weights around 0", ({ tensors }) => (tensors[1]!.zero = [1])],
  ["int32", ({ tensors }) => (tensors[2]!.type = "INT64")],
  ["weights in the default format", ({ operators }) => (operators[0]!.options = { format: 1 })],
  ["1/256 and -128, which is what its kernel makes", ({ tensors }) => (tensors[4]!.scale = [0.5])],
  ["a scale and a beta above 0", ({ operators }) => (operators[1]!.options = { beta: -1 })],
  [
    "at most 4095",
    ({ tensors }) => {
      const outputs = 4096;
      Object.assign(tensors[1]!, { shape: [outputs, 2], data: new Int8Array(2 * outputs) });
      Object.assign(tensors[2]!, { shape: [outputs], data: new Int32Array(outputs) });
      for (const tensor of [tensors[3]!, tensors[4]!]) tensor.shape = [1, outputs];
    },
  ],
];

const CASES: Case[] = [
  ...OF_DENSE.map(([instead, change]): Case => [instead, changed(DENSE, change), DENSE]),
  [
    "one scale, and one zero point of 0 to 255",
    changed(DENSE, (net) => toUint8(net, 1, { zero: [1, 2] })),
    changed(DENSE, toUint8),
  ],
  [
    "weights of −128 to 127 around it",
    changed(DENSE, (net) => toUint8(net, 1, { zero: [0] })),
    changed(DENSE, toUint8),
  ],
  [
    "one by [0, 2, 3, 1] right behind an input",
    picture(
      [["TRANSPOSE", "x axes", made("t", 1, 3, 2, 4)], pool("t", made("y", 1, 3, 2, 4))],
      [int32("axes", 0, 3, 1, 2)],
    ),
    picture(
      [["TRANSPOSE", "x axes", made("t", 1, 4, 3, 2)], pool("t", made("y", 1, 4, 3, 2))],
      [int32("axes", 0, 2, 3, 1)],
    ),
  ],
  [
    "or one before FULLY_CONNECTED",
    picture(
      [["TRANSPOSE", "x axes", made("t", 1, 3, 2, 4)], pool("t", made("y", 1, 3, 2, 4))],
      [int32("axes", 0, 3, 1, 2)],
    ),
    picture([["TRANSPOSE", "x axes", made("t", 1, 3, 2, 4)], dense("t")], [int32("axes", 0, 3, 1, 2), ...flat]),
  ],
  [
    "what the TRANSPOSE reads as output",
    picture(
      [pool("x", made("m", 1, 2, 4, 3)), ["TRANSPOSE", "m axes", made("t", 1, 3, 2, 4)]],
      [int32("axes", 0, 3, 1, 2)],
    ),
    picture([pool("x", made("m", 1, 2, 4, 3))]),
  ],
  [
    "a RESHAPE to a vector alone",
    picture(
      [["RESHAPE", "x shape", made("r", 1, 4, 2, 3)], pool("r", made("y", 1, 4, 2, 3))],
      [int32("shape", 1, 4, 2, 3)],
    ),
    picture([["RESHAPE", "x shape", made("r", 1, 24)], dense("r")], [int32("shape", 1, 24), ...flat]),
  ],
  ...([pool("p", made("y", 1, 4, 6, 3)), ["SQUEEZE", "p", made("y", 4, 6, 3)]] satisfies Placed[]).map(
    (last): Case => [
      "a PAD right before a convolution",
      picture([["PAD", "x lines", padded], last], [lines]),
      picture([["PAD", "x lines", padded], conv("p", made("y", 1, 2, 4, 2))], [lines, kernel3]),
    ],
  ),
  [
    "the picture before it",
    picture([pool("x", made("m", 1, 2, 4, 3)), ["PAD", "m lines", padded]], [lines]),
    picture([pool("x", made("m", 1, 2, 4, 3))]),
  ],
  [
    "[0, 0, top, bottom, left, right, 0, 0]",
    picture(
      [["PAD", "x lines", made("p", 1, 2, 4, 5)], conv("p", made("y", 1, 2, 4, 2))],
      [int32("lines", 0, 0, 0, 0, 0, 0, 1, 1), weights("w", 2, 1, 1, 5)],
    ),
    picture([["PAD", "x lines", padded], conv("p", made("y", 1, 2, 4, 2))], [lines, kernel3]),
  ],
  ...[
    picture([pool("x", made("y", 1, 2, 4, 3))]),
    picture([
      ["QUANTIZE", "x", { ...made("q", 1, 2, 4, 3), scale: [1] }],
      pool("q", { ...made("y", 1, 2, 4, 3), scale: [1] }),
    ]),
  ].map(
    (followed): Case => [
      "the same of both, or a QUANTIZE between",
      picture([pool("x", { ...made("y", 1, 2, 4, 3), scale: [1] })]),
      followed,
    ],
  ),
  [
    "a few numbers of INT32",
    picture([["RESHAPE", "x w", made("r", 1, 24)]], [weights("w", 2)]),
    picture([["RESHAPE", "x shape", made("r", 1, 24)]], [int32("shape", 1, 24)]),
  ],
  [
    "INT32",
    picture([
      ["SHAPE", "x", { name: "s", shape: [4], type: "INT64" }],
      ["RESHAPE", "x s", made("r", 1, 2, 4, 3)],
    ]),
    picture([
      ["SHAPE", "x", { name: "s", shape: [4], type: "INT32" }],
      ["RESHAPE", "x s", made("r", 1, 2, 4, 3)],
    ]),
  ],
  [
    "its sizes, stored in the file",
    picture(
      [
        ["SHAPE", "c", { name: "s", shape: [1], type: "INT32" }],
        ["RESHAPE", "x s", made("r", 1, 24)],
      ],
      [int32("c", 1, 24)],
    ),
    picture([["RESHAPE", "x c", made("r", 1, 24)]], [int32("c", 1, 24)]),
  ],
  [
    "a vector of numbers",
    picture(
      [
        ["STRIDED_SLICE", "c b e e", { name: "s", shape: [2], type: "INT32" }],
        ["RESHAPE", "x s", made("r", 1, 24)],
      ],
      [{ ...int32("c", 1, 24), shape: [1, 2] }, int32("b", 0, 0), int32("e", 1, 2)],
    ),
    picture(
      [
        ["STRIDED_SLICE", "c b e one", { name: "s", shape: [2], type: "INT32" }],
        ["RESHAPE", "x s", made("r", 1, 24)],
      ],
      [int32("c", 9, 1, 24), int32("b", 1), int32("e", 3), int32("one", 1)],
    ),
  ],
  [
    "every so many lines and positions from the first, and all channels",
    slice(
      [
        [0, 0, 0, 1],
        [1, 2, 4, 3],
        [1, 1, 1, 1],
      ],
      [1, 2, 4, 2],
    ),
    every,
  ],
  [
    "a begin and an end for each axis",
    slice(
      [
        [0, 0],
        [1, 1],
        [1, 1],
      ],
      [1, 2, 4, 3],
      { ellipsisMask: 1 },
    ),
    every,
  ],
  [
    "strides of 1 or more",
    slice(
      [
        [0, 1, 0, 0],
        [1, -3, 4, 3],
        [1, -1, 1, 1],
      ],
      [1, 2, 4, 3],
    ),
    every,
  ],
  [
    "a scale whose inverse f32 holds",
    picture([["TANH", "x", { ...made("y", 1, 2, 4, 3), scale: [1e-40] }]]),
    picture([["TANH", "x", made("y", 1, 2, 4, 3)]]),
  ],
  [
    "1/256, which is what its kernel makes",
    picture([["LOGISTIC", "x", made("y", 1, 2, 4, 3)]]),
    picture([["LOGISTIC", "x", { ...made("y", 1, 2, 4, 3), scale: [1 / 256] }]]),
  ],
  [
    "as many channels in each group",
    picture([conv("x", made("y", 1, 2, 4, 2))], [weights("w", 2, 1, 1, 2)]),
    picture([conv("x", made("y", 1, 2, 4, 3))], [weights("w", 3, 1, 1, 1)]),
  ],
  [
    "CONV_2D with a kernel of 1 × 1 for more",
    picture([["FULLY_CONNECTED", "x w", made("y", 8, 2)]], [weights("w", 2, 3)]),
    picture([conv("x", made("y", 1, 2, 4, 2))], [kernel]),
  ],
  [
    "operands of one shape",
    picture([conv("x", made("c", 1, 2, 4, 2)), ["ADD", "x c", made("y", 1, 2, 4, 3)]], [kernel]),
    picture([conv("x", made("c", 1, 2, 4, 3)), ["ADD", "x c", made("y", 1, 2, 4, 3)]], [weights("w", 3, 1, 1, 3)]),
  ],
  ...(
    [
      ["along the channels, axis 3", { axis: 2 }],
      ["none", { axis: 3, activation: 1 }],
    ] as const
  ).map(
    ([instead, options]): Case => [
      instead,
      picture([["CONCATENATION", "x x", made("y", 1, 2, 4, 6), options]]),
      picture([["CONCATENATION", "x x", made("y", 1, 2, 4, 6), { axis: 3 }]]),
    ],
  ),
  [
    "as many positions of each",
    picture([
      pool("x", made("m", 1, 1, 2, 3), { strideX: 2, strideY: 2 }),
      ["CONCATENATION", "x m", made("y", 1, 2, 4, 6), { axis: 3 }],
    ]),
    picture([pool("x", made("m", 1, 2, 4, 3)), ["CONCATENATION", "x m", made("y", 1, 2, 4, 6), { axis: 3 }]]),
  ],
  [
    "over all elements of a row",
    picture([["SOFTMAX", "x", { ...made("y", 1, 2, 4, 3), scale: [1 / 256], zero: [-128] }]]),
    DENSE,
  ],
  [
    "VALID padding",
    picture([["AVERAGE_POOL_2D", "x", made("y", 1, 2, 4, 3), { ...STRIDES, width: 2, height: 2, padding: 0 }]]),
    picture([["AVERAGE_POOL_2D", "x", made("y", 1, 1, 3, 3), { ...STRIDES, width: 2, height: 2, padding: 1 }]]),
  ],
  ...["1 2", "1", "2"].map((axes): Case => {
    const over = (list: string, ...shape: number[]) =>
      picture(
        [["MEAN", "x axes", made("y", ...shape), { keepDims: 1 }]],
        [int32("axes", ...list.split(" ").map(Number))],
      );
    const size = (axis: number) => (axes.includes(String(axis)) ? 1 : 2 * axis);
    return ["height, width, or both", over("3", 1, 2, 4, 1), over(axes, 1, size(1), size(2), 3)];
  }),
  [
    "1 to 65,535",
    picture([pool("x", made("y", 1, 2, 4, 3), { strideX: 0 })]),
    picture([pool("x", made("y", 1, 2, 4, 3))]),
  ],
  [
    "SAME or VALID",
    picture([pool("x", made("y", 1, 2, 4, 3), { padding: 2 })]),
    picture([pool("x", made("y", 1, 2, 4, 3), { padding: 0 })]),
  ],
  [
    "a window within its input",
    picture([pool("x", made("y", 1, 1, 1, 3), { height: 3, width: 3 })]),
    picture([pool("x", made("y", 1, 1, 2, 3), { height: 2, width: 3 })]),
  ],
];

const LARQ = { padding: "valid", stride: 1, activation: 0, output: "INT32" } as const;
const bits: NetTensor = { name: "bits", shape: [1, 2, 4, 1], type: "INT32" };
const ofRelu = (...between: Placed[]): Net => {
  return picture([
    ["CUSTOM LceQuantize", "x", bits],
    ...between,
    ["RELU", between.length > 0 ? "d" : "bits", made("y", 1, 2, 4, 3)],
  ]);
};

/** Larq's operators. */
const OF_LARQ: Case[] = [
  ["LceDequantize between", ofRelu(), ofRelu(["CUSTOM LceDequantize", "bits", made("d", 1, 2, 4, 3)])],
  ["LceDequantize before it", changed(netOf(LARQ), (net) => (net.outputs = [6])), netOf(LARQ)],
  [
    "what LceQuantize, LceBconv2d or LceBMaxPool2d make",
    changed(netOf(LARQ), ({ operators }) => (operators[1]!.inputs[0] = 0)),
    netOf(LARQ),
  ],
  ["pad_values of 1", netOf({ ...LARQ, padding: "zeros" }), netOf({ ...LARQ, padding: "ones" })],
];

/** The same of tflite-micro's kernels. */
const OF_TFLM: Case[] = [
  ...["LOGISTIC", "TANH", "RELU_N1_TO_1"].map((op): Case => {
    const net = picture([[op, "x", { ...made("y", 1, 2, 4, 3), scale: [1 / 256] }]]);
    return ["--kernels litert", net, net];
  }),
  ["--kernels litert", changed(DENSE, toUint8), changed(DENSE, toUint8)],
  [
    "the same of both, or a QUANTIZE between",
    picture([["RELU6", "x", { ...made("y", 1, 2, 4, 3), scale: [0.25] }]]),
    picture([
      ["QUANTIZE", "x", { ...made("q", 1, 2, 4, 3), scale: [0.25] }],
      ["RELU6", "q", { ...made("y", 1, 2, 4, 3), scale: [0.25] }],
    ]),
  ],
];

describe("advice", () => {
  const seen: string[] = [];

  const all = [
    ...[...CASES, ...OF_LARQ].map((each) => [...each, "litert"] as const),
    ...OF_TFLM.map((each) => [...each, "tflm"] as const),
  ];
  it.each(all)("%s", async (instead, refused, followed, kernels) => {
    const error = await convert(encode(refused), { kernels }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    const advised = (error as UnsupportedError).reasons.map((reason) => reason.instead);
    seen.push(...advised);
    expect(advised.join("\n")).toContain(instead);
    await convert(encode(followed), { kernels: instead === "--kernels litert" ? "litert" : kernels });
  });

  afterAll(() => {
    const missing = refusalsIn((path) => path.startsWith("tflite")).filter((pattern) => {
      return !seen.some((instead) => pattern.test(instead));
    });
    expect(missing.map(String)).toEqual([]);
  });
});
