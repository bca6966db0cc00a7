import { describe, expect, it } from "vitest";
import {
  type AttributeValue,
  floatTensor,
  int64Tensor,
  model,
  node,
  valueInfo,
} from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { type Draft, encodeModel, type NodeProto } from "../../host/checkpoint/onnx/proto.ts";
import { checkGraph } from "../../host/graph/check.ts";
import { evaluate } from "../../host/graph/evaluate.ts";

// Pad and Slice of pictures, and the constants that exporters make their operands of.

const QUANT = { signed: 0n, narrow: 0n, rounding_mode: "ROUND" };
const quant = (x: string, y: string, zero = "zero") =>
  node("Quant", [x, "scale", zero, "bits"], y, QUANT, "qonnx.custom_op.general");

/** A network of pictures of 2 channels, 5 × 4. */
function file(nodes: Draft<NodeProto>[], opset = 13): Uint8Array {
  return encodeModel(
    model(
      {
        name: "padded",
        node: nodes,
        initializer: [
          ...[floatTensor("scale", [], [0.5]), floatTensor("zero", [], [0]), floatTensor("seven", [], [7])],
          ...[floatTensor("bits", [], [4]), floatTensor("half", [], [0.5])],
          floatTensor(
            "w",
            [1, 2, 3, 3],
            Float32Array.from({ length: 18 }, (_, i) => (i % 5) - 2),
          ),
          floatTensor("w1", [1, 2, 1, 1], [1, -1]),
          int64Tensor("around", [8], [0, 0, 1, 0, 0, 0, 2, 1]),
          int64Tensor("beside", [8], [0, 1, 0, 0, 0, 3, 0, 0]),
          int64Tensor("everywhere", [8], [0, 1, 1, 0, 0, 3, 0, 2]),
          int64Tensor("samples", [8], [1, 0, 0, 0, 0, 0, 0, 0]),
          ...[floatTensor("third", [], [0.3]), floatTensor("two", [], [2])],
          int64Tensor("lines", [2], [1, 1]),
          int64Tensor("rest", [8], [0, 0, 0, 0, 0, 0, 1, 1]),
          int64Tensor("axis2", [1], [2]),
          int64Tensor("far", [2], [60_000, 60_000]),
          int64Tensor("vast", [2], [2 ** 31, 2 ** 31]),
          int64Tensor("axes", [2], [2, 3]),
          int64Tensor("zeros", [2], [0, 0]),
          int64Tensor("ends", [2], [2 ** 53, 2 ** 53]),
          int64Tensor("steps", [2], [2, 3]),
          ...[int64Tensor("eight", [1], [8]), int64Tensor("pairs", [2], [-1, 2]), int64Tensor("flat", [1], [-1])],
          ...[int64Tensor("first", [1], [0]), int64Tensor("last", [1], [-1]), int64Tensor("before", [1], [-(2 ** 62)])],
          int64Tensor("three", [3], [1, 0, 0]),
          int64Tensor("one", [1], [1]),
        ],
        input: [valueInfo("x", ["N", 2, 5, 4])],
        output: [valueInfo("y", [])],
      },
      { "": opset, "qonnx.custom_op.general": 1 },
      { name: "tests", version: "1" },
    ),
  );
}

const SAMPLES = Float32Array.from({ length: 3 * 40 }, (_, i) => Math.fround(Math.sin(5 * i) * 6));
const results = (nodes: Draft<NodeProto>[], opset?: number) => [
  ...evaluate(importOnnx(file(nodes, opset)).graph, [SAMPLES], 3)[0]!,
];
const conv = (x: string, pads: number[], y = "y") => node("Conv", [x, "w"], y, { pads: pads.map(BigInt) });
const ofAttributes = (attributes: Record<string, AttributeValue>) => node("Pad", ["q"], "p", attributes);

describe("a Pad is padding of the Conv behind it", () => {
  const expected = results([quant("x", "q"), conv("q", [1, 0, 2, 1])]);

  it.each<[string, Draft<NodeProto>[], number?]>([
    ["right before it", [quant("x", "q"), node("Pad", ["q", "around"], "p"), conv("p", [0, 0, 0, 0])]],
    ["before its quantizer", [node("Pad", ["x", "around"], "p"), quant("p", "q"), conv("q", [0, 0, 0, 0])]],
    ["beside its own", [quant("x", "q"), node("Pad", ["q", "lines", "", "axis2"], "p"), conv("p", [0, 0, 1, 1])]],
    [
      "once more",
      [
        quant("x", "q"),
        node("Pad", ["q", "lines", "", "axis2"], "o"),
        node("Pad", ["o", "rest"], "p"),
        conv("p", [0, 0, 0, 0]),
      ],
    ],
    [
      "by attributes, as of old",
      [quant("x", "q"), ofAttributes({ pads: [0n, 0n, 1n, 0n, 0n, 0n, 2n, 1n] }), conv("p", [0, 0, 0, 0])],
      9,
    ],
  ])("%s", (_, nodes, opset) => {
    expect(results(nodes, opset)).toEqual(expected);
  });

  it("whose sizes PyTorch makes of pairs, last axis first", () => {
    const nodes = [
      quant("x", "q"),
      node("ConstantOfShape", ["one"], "c", { value: int64Tensor("", [1], [0]) }),
      node("Concat", ["three", "c", "first", "first", "first", "first"], "joined", { axis: 0n }), // right 0, 1; bottom 0 …
      node("Reshape", ["joined", "pairs"], "s"),
      node("Slice", ["s", "last", "before", "first", "last"], "reversed"),
      node("Transpose", ["reversed"], "t", { perm: [1n, 0n] }),
      node("Reshape", ["t", "flat"], "f"),
      node("Pad", ["q", "f"], "p"),
      conv("p", [0, 0, 0, 0]),
    ];
    expect(results(nodes)).toEqual(results([quant("x", "q"), conv("q", [0, 1, 0, 0])]));
  });
});

it("a Pad of numbers that are never negative is padding of the MaxPool behind it", () => {
  const pool = (x: string, pads: bigint[]) =>
    node("MaxPool", [x], "y", { kernel_shape: [3n, 3n], strides: [2n, 2n], pads });
  const own = results([quant("x", "q"), pool("q", [1n, 0n, 2n, 1n])]);
  expect(results([quant("x", "q"), node("Pad", ["q", "around"], "p"), pool("p", [0n, 0n, 0n, 0n])])).toEqual(own);
});

it("a Slice keeps every so many lines and positions", () => {
  const strided = results([quant("x", "q"), node("Conv", ["q", "w1"], "y", { strides: [2n, 3n] })]);
  const cut = [
    quant("x", "q"),
    node("Slice", ["q", "zeros", "ends", "axes", "steps"], "s"),
    node("Conv", ["s", "w1"], "y"),
  ];
  expect(results(cut)).toEqual(strided);
});

describe("a Pad that nothing takes as its padding", () => {
  /** Codes, of what is a picture by a pool. */
  const coded = (first = quant("x", "codes")) => [first, node("MaxPool", ["codes"], "q", { kernel_shape: [1n, 1n] })];
  const numbers = results([...coded(), node("Add", ["q", "q"], "y")]); // [row, y, x, c]
  const at = (row: number, y: number, x: number, c: number) => numbers[((row * 5 + y) * 4 + x) * 2 + c]!;
  /** As numpy.pad has it, channels last. */
  const padded = (top: number, bottom: number, left: number, right: number, before: number, after: number) =>
    [0, 1, 2].flatMap((row) =>
      Array.from({ length: top + 5 + bottom }, (_, y) =>
        Array.from({ length: left + 4 + right }, (_, x) =>
          Array.from({ length: before + 2 + after }, (_, c) => {
            const isInside = y >= top && y < top + 5 && x >= left && x < left + 4 && c >= before && c < before + 2;
            return isInside ? at(row, y - top, x - left, c - before) : 0;
          }),
        ),
      ).flat(2),
    );

  it.each<[string, Draft<NodeProto>[], number[]]>([
    ["around positions", [node("Pad", ["q", "around"], "p")], padded(1, 2, 0, 1, 0, 0)],
    ["beside channels", [node("Pad", ["q", "beside"], "p")], padded(0, 0, 0, 0, 1, 3)],
    ["around both", [node("Pad", ["q", "everywhere"], "p")], padded(1, 0, 0, 2, 1, 3)],
    [
      "around what a Pad made",
      [node("Pad", ["q", "around"], "o"), node("Pad", ["o", "beside"], "p")],
      padded(1, 2, 0, 1, 1, 3),
    ],
    [
      "behind a ReLU",
      [node("Relu", ["q"], "r"), node("Pad", ["r", "beside"], "p")],
      padded(0, 0, 0, 0, 1, 3).map((x) => Math.max(x, 0)),
    ],
  ])("%s is zeros", (_, nodes, expected) => {
    expect(results([...coded(), ...nodes, node("Add", ["p", "p"], "y")])).toEqual(expected);
  });

  it("is one whatever the rounding and the zero point of the codes before it", () => {
    const odd = node(
      "Quant",
      ["x", "third", "two", "bits"],
      "codes",
      { ...QUANT, rounding_mode: "FLOOR" },
      "qonnx.custom_op.general",
    );
    const own = results([...coded(odd), node("Add", ["q", "q"], "y")]);
    const found = results([...coded(odd), node("Pad", ["q", "beside"], "p"), node("Add", ["p", "p"], "y")]);
    expect(found.filter((_, i) => i % 6 === 1 || i % 6 === 2)).toEqual(own);
    expect(found.filter((_, i) => i % 6 !== 1 && i % 6 !== 2).every((x) => x === 0)).toBe(true);
  });
});

it.each<[string, Draft<NodeProto>[], string]>([
  [
    "of another value",
    [quant("x", "q"), node("Pad", ["q", "around", "half"], "p"), conv("p", [0, 0, 0, 0])],
    "it pads with 0.5",
  ],
  [
    "that mirrors",
    [quant("x", "q"), node("Pad", ["q", "around"], "p", { mode: "reflect" }), conv("p", [0, 0, 0, 0])],
    'mode "reflect"',
  ],
  [
    "before what makes other numbers of 0",
    [node("Pad", ["x", "around"], "p"), node("Add", ["p", "half"], "a"), quant("a", "q"), conv("q", [0, 0, 0, 0])],
    "it reads what a Pad made",
  ],
  [
    "of samples",
    [quant("x", "q"), node("Pad", ["q", "samples"], "p"), conv("p", [0, 0, 0, 0])],
    "it pads samples of [N, 2, 5, 4]",
  ],
  [
    "of channels of no codes",
    [node("Pad", ["x", "beside"], "p"), quant("p", "q"), conv("q", [0, 0, 0, 0])],
    "it reads what a Pad made of no codes",
  ],
  [
    "of codes without a 0",
    [
      node("BipolarQuant", ["x", "scale"], "q", {}, "qonnx.custom_op.general"),
      node("Pad", ["q", "beside"], "p"),
      conv("p", [0, 0, 0, 0]),
    ],
    "a Pad fills up codes of which none is 0",
  ],
  [
    "that an output shows",
    [quant("x", "q"), conv("q", [0, 0, 0, 0], "c"), quant("c", "d"), node("Pad", ["d", "around"], "y")],
    "it shows what a Pad made",
  ],
  [
    "of 2^31 lines before a MaxPool",
    [
      node("Relu", ["x"], "r"),
      quant("r", "q"),
      node("Pad", ["q", "vast", "", "axis2"], "p"),
      node("MaxPool", ["p"], "y", { kernel_shape: [3n, 3n] }),
    ],
    "pads [2147483648,2147483648]",
  ],
])("a Pad %s is refused", (_, nodes, why) => {
  expect(() => importOnnx(file(nodes))).toThrow(why);
});

it.each(["Conv", "MaxPool", "AveragePool"])("%s: padding of 2^31, and kernels of pools, are refused", (op) => {
  const operands = op === "Conv" ? ["q", "w"] : ["q"];
  const far = { kernel_shape: [3n, 3n], pads: [2n ** 31n, 0n, 2n ** 31n, 0n] };
  const of = (attributes: Record<string, AttributeValue>) => () =>
    importOnnx(file([quant("x", "q"), node(op, operands, "y", attributes)]));
  expect(of(far)).toThrow("pads [2147483648,0,2147483648,0], expected 4 integers from 0 to 65535");
  if (op !== "Conv") expect(of({ kernel_shape: [2n ** 31n, 1n] })).toThrow("expected 1 to 65535 of each");
});

// Windows that Pads, of which each is small enough, move out of the picture.
it("a pool whose first window lies outside is refused by that window", () => {
  const nodes = [
    node("Relu", ["x"], "r"),
    quant("r", "q"),
    node("Pad", ["q", "far", "", "axis2"], "p"),
    node("MaxPool", ["p"], "y", { kernel_shape: [3n, 3n] }),
  ];
  expect(() => checkGraph(importOnnx(file(nodes)).graph)).toThrow("lies outside");
});
