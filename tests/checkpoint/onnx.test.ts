import { describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../../host/base/errors.ts";
import { MAX_ROW_ELEMENTS } from "../../host/base/limits.ts";
import {
  type AttributeValue,
  byteTensor,
  floatTensor,
  int64Tensor,
  model,
  node,
  valueInfo,
} from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import {
  DATA_TYPE,
  type Draft,
  encodeModel,
  type NodeProto,
  type TensorProto,
} from "../../host/checkpoint/onnx/proto.ts";
import { checkGraph } from "../../host/graph/check.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph } from "../../host/graph/graph.ts";
import type { QuantizeNode } from "../../host/graph/ops/quantize.ts";
import type { IntQuantizer } from "../../host/numbers/quantizer.ts";

const QONNX = "qonnx.custom_op.general";

interface FileParts {
  nodes: Draft<NodeProto>[];
  constants?: Draft<TensorProto>[];
  /** Of the input "x". */
  shape?: (number | string)[];
  output?: string;
  opset?: number;
}

/** Constants that every file below may use. */
const CONSTANTS = [
  floatTensor("one", [], [1]),
  floatTensor("half", [1], [0.5]),
  floatTensor("zero", [], [0]),
  floatTensor("bits1", [], [1]),
  floatTensor("bits2", [], [2]),
  floatTensor("bits4", [], [4]),
  floatTensor("bits8", [], [8]),
  floatTensor("per_feature", [3], [1, 2, 3]),
];

function file({ nodes, constants = [], shape = ["N", 3], output, opset = 13 }: FileParts): Uint8Array {
  const last = output ?? nodes.at(-1)!.output![0]!;
  const graph = {
    name: "g",
    node: nodes,
    initializer: [...CONSTANTS, ...constants],
    input: [valueInfo("x", shape)],
    output: [valueInfo(last, [])],
  };
  return encodeModel(model(graph, { "": opset, [QONNX]: 1 }, { name: "tests", version: "1" }));
}

const quant = (
  x: string,
  y: string,
  scale = "half",
  zero = "zero",
  bits = "bits4",
  attributes = {},
): Draft<NodeProto> =>
  node("Quant", [x, scale, zero, bits], y, { signed: 1n, narrow: 0n, rounding_mode: "ROUND", ...attributes }, QONNX);

/** x → quantizer → q → the nodes. */
function imported(nodes: Draft<NodeProto>[], parts: Omit<FileParts, "nodes"> = {}): Graph {
  return importOnnx(file({ nodes: [quant("x", "q"), ...nodes], ...parts })).graph;
}

/** What a graph does, one word per node and its numbers. */
function summary({ nodes }: Graph): unknown[] {
  return nodes.map((n) => {
    if (n.op !== "step") return n.op;
    if ("by" in n.step) return [n.step.kind, ...n.step.by];
    return n.step.kind;
  });
}

function failure(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

describe("per-element ops become steps", () => {
  const min = floatTensor("min", [], [-1]);
  const max = floatTensor("max", [], [2]);
  it.each<[string, string[], Record<string, AttributeValue>, unknown[], number]>([
    ["Add", ["q", "half"], {}, [["add", 0.5]], 13],
    ["Add", ["half", "q"], {}, [["add", 0.5]], 13],
    ["Sub", ["q", "half"], {}, [["sub", 0.5]], 13],
    ["Sub", ["half", "q"], {}, [["rsub", 0.5]], 13],
    ["Mul", ["per_feature", "q"], {}, [["mul", 1, 2, 3]], 13],
    ["Div", ["q", "half"], {}, [["div", 0.5]], 13],
    ["Div", ["half", "q"], {}, [["rdiv", 0.5]], 13],
    ["Pow", ["q", "bits2"], {}, [["pow", 2]], 13],
    [
      "Min",
      ["q", "half", "one"],
      {},
      [
        ["min", 0.5],
        ["min", 1],
      ],
      13,
    ],
    ["Max", ["half", "q"], {}, [["max", 0.5]], 13],
    ["Max", ["q"], {}, [], 13],
    ["Neg", ["q"], {}, [["mul", -1]], 13],
    ["Relu", ["q"], {}, ["relu"], 13],
    [
      "Clip",
      ["q"],
      { min: -1, max: 2 },
      [
        ["max", -1],
        ["min", 2],
      ],
      9,
    ],
    ["Clip", ["q"], { max: 2 }, [["min", 2]], 9],
    [
      "Clip",
      ["q", "min", "max"],
      {},
      [
        ["max", -1],
        ["min", 2],
      ],
      11,
    ],
    ["Clip", ["q", "", "max"], {}, [["min", 2]], 13],
    ["Clip", ["q"], {}, [], 13],
    [
      "HardTanh",
      ["q"],
      {},
      [
        ["max", -1],
        ["min", 1],
      ],
      13,
    ],
    [
      "HardTanh",
      ["q"],
      { min_val: 0, max_val: 6 },
      [
        ["max", 0],
        ["min", 6],
      ],
      13,
    ],
    ["Identity", ["q"], {}, [], 13],
    ["Dropout", ["q"], {}, [], 9],
    ["Dropout", ["q", "half", "training"], {}, [], 13],
    ["Cast", ["q"], { to: 1n }, [], 13],
    ["Softmax", ["q"], {}, ["softmax"], 9],
    ["Softmax", ["q"], { axis: -1n }, ["softmax"], 13],
    ["ArgMax", ["q"], { axis: 1n }, ["argmax"], 13],
    ["ArgMax", ["q"], { axis: -1n, keepdims: 0n }, ["argmax"], 13],
    ["Reshape", ["q", "open_row"], {}, [], 13],
    ["Reshape", ["q", "one_row"], {}, [], 13],
    ["Reshape", ["q", "copied"], {}, [], 13],
    ["Flatten", ["q"], {}, [], 13],
    ["Flatten", ["q"], { axis: -1n }, [], 13],
    ["Unsqueeze", ["q"], { axes: [2n] }, [], 11],
    ["Unsqueeze", ["q", "axes"], {}, [], 13],
    ["Transpose", ["q"], { perm: [0n, 1n] }, [], 13],
  ])("%s of %o with %o", (opType, inputs, attributes, expected, opset) => {
    const training = { name: "training", dims: [], data_type: DATA_TYPE.BOOL, int32_data: [0] };
    const shapes = [
      int64Tensor("open_row", [2], [-1, 3]),
      int64Tensor("one_row", [2], [1, -1]),
      int64Tensor("copied", [3], [0, 3, 1]),
      int64Tensor("axes", [1], [-1]),
    ];
    const graph = imported([node(opType, inputs, "y", attributes)], {
      constants: [min, max, training, ...shapes],
      opset,
    });
    expect(summary(graph)).toEqual(["quantize", ...expected]);
    expect(graph.outputs).toEqual(["y"]);
  });

  it("batch norm takes its parameters per channel, also of pictures", () => {
    const parameters = ["gamma", "beta", "mean", "variance"].map((name, i) => floatTensor(name, [2], [i, i + 1]));
    const nodes = [
      quant("x", "q"),
      node("BatchNormalization", ["q", "gamma", "beta", "mean", "variance"], "b"),
      node("Flatten", ["b"], "y"),
    ];
    const { graph } = importOnnx(file({ nodes, constants: parameters, shape: ["N", 2, 1, 2] }));
    const [, b] = graph.nodes;
    expect(b).toMatchObject({
      channels: 4,
      step: {
        kind: "batchnorm",
        gamma: Float64Array.of(0, 0, 1, 1),
        beta: Float64Array.of(1, 1, 2, 2),
        mean: Float64Array.of(2, 2, 3, 3),
        variance: Float64Array.of(3, 3, 4, 4),
        epsilon: Math.fround(1e-5),
      },
    });
  });
});

describe("constants fold in float64", () => {
  it.each<[string, Draft<NodeProto>[], number[]]>([
    ["sqrt(v + e)", [node("Add", ["per_feature", "one"], "a"), node("Sqrt", ["a"], "c")], [2, 3, 4].map(Math.sqrt)],
    ["v ^ 0.5", [node("Pow", ["per_feature", "half"], "c")], [1, 2, 3].map(Math.sqrt)],
    ["1 / v", [node("Reciprocal", ["per_feature"], "c")], [1, 1 / 2, 1 / 3]],
    ["-v", [node("Neg", ["per_feature"], "c")], [-1, -2, -3]],
    ["clip", [node("Clip", ["per_feature"], "c", { min: 1.5, max: 2.5 })], [1.5, 2, 2.5]],
    ["min, max", [node("Min", ["per_feature", "bits2"], "m"), node("Max", ["one", "m"], "c")], [1, 2, 2]],
    ["slice", [node("Slice", ["per_feature", "i0", "i1"], "c")], [1]],
    ["gather", [node("Gather", ["per_feature", "i2"], "c")], [3]],
    ["concat", [node("Concat", ["half", "half", "half"], "c", { axis: 0n })], [0.5]],
    ["integer division", [node("Div", ["i7", "i2"], "c")], [3]],
    ["shapes", [node("Unsqueeze", ["per_feature", "i0"], "u"), node("Squeeze", ["u", "i0"], "c")], [1, 2, 3]],
    ["a quantizer", [quant("per_feature", "c", "half", "zero", "bits2")], [0.5]],
    ["sign", [node("Sub", ["per_feature", "bits2"], "s"), node("Sign", ["s"], "c")], [-1, 0, 1]],
    ["abs", [node("Sub", ["per_feature", "bits2"], "s"), node("Abs", ["s"], "c")], [1, 0, 1]],
    ["round, half to even", [node("Mul", ["per_feature", "half"], "m"), node("Round", ["m"], "c")], [0, 1, 2]],
    ["floor", [node("Mul", ["per_feature", "half"], "m"), node("Floor", ["m"], "c")], [0, 1, 1]],
    ["ceil", [node("Mul", ["per_feature", "half"], "m"), node("Ceil", ["m"], "c")], [1, 1, 2]],
    [
      "where",
      [node("Less", ["per_feature", "bits2"], "l"), node("Where", ["l", "half", "per_feature"], "c")],
      [0.5, 2, 3],
    ],
    ...(
      [
        ["Equal", 0, 1, 0],
        ["Greater", 0, 0, 1],
        ["GreaterOrEqual", 0, 1, 1],
        ["Less", 1, 0, 0],
        ["LessOrEqual", 1, 1, 0],
      ] as const
    ).map(([op, ...expected]): [string, Draft<NodeProto>[], number[]] => [
      op,
      [node(op, ["per_feature", "bits2"], "b"), node("Cast", ["b"], "c", { to: 1n })],
      [...expected],
    ]),
    [
      "and, or, xor, not",
      [
        node("Less", ["per_feature", "bits2"], "l"), // 1 0 0
        node("LessOrEqual", ["per_feature", "bits2"], "m"), // 1 1 0
        node("Xor", ["l", "m"], "e"), // 0 1 0
        node("Not", ["e"], "n"), // 1 0 1
        node("And", ["n", "m"], "a"), // 1 0 0
        node("Or", ["a", "e"], "o"), // 1 1 0
        node("Where", ["o", "per_feature", "zero"], "c"),
      ],
      [1, 2, 0],
    ],
    ["mean", [node("ReduceMean", ["per_feature"], "c", { keepdims: 0n })], [2]],
    [
      "mean by axes of an input",
      [node("ReduceMean", ["grid", "i1"], "m"), node("Squeeze", ["m", "i1"], "c")],
      [2, 0, 5],
    ],
    ["sum, negative axis", [node("ReduceSum", ["grid"], "c", { axes: [-1n], keepdims: 0n })], [4, 0, 10]],
    ["max", [node("ReduceMax", ["grid"], "c", { axes: [1n], keepdims: 0n })], [3, 4, 7]],
    ["min", [node("ReduceMin", ["grid"], "c", { axes: [1n], keepdims: 0n })], [1, -4, 3]],
    [
      "L1 and L2",
      [node("ReduceL1", ["grid"], "a", { axes: [1n], keepdims: 0n }), node("Neg", ["a"], "c")],
      [-4, -8, -10],
    ],
    ["L2 of all", [node("ReduceL2", ["grid"], "c", { keepdims: 0n })], [10]],
    ["exp of log", [node("Log", ["one"], "l"), node("Exp", ["l"], "c")], [1]],
    ["Constant", [node("Constant", [], "c", { value_floats: [1, 2, 4] })], [1, 2, 4]],
  ])("%s", (_, nodes, expected) => {
    const grid = floatTensor("grid", [3, 2], [1, 3, 4, -4, 7, 3]);
    const constants = [grid, ...[0, 1, 2, 7].map((i) => int64Tensor(`i${i}`, [1], [i]))];
    const graph = imported([...nodes, node("Add", ["q", "c"], "y")], { constants });
    expect(summary(graph)).toEqual(["quantize", ["add", ...expected]]);
  });
});

describe("the Shape … Reshape idiom folds", () => {
  it.each<[string, (number | string)[]]>([
    ["with an open batch", ["batch", 1, 2, 2]],
    ["with a batch of one", [1, 1, 2, 2]],
    ["with a fixed batch", [64, 1, 2, 2]],
  ])("%s", (_, shape) => {
    const nodes = [
      node("Shape", ["x"], "s"),
      node("Gather", ["s", "first"], "n", { axis: 0n }),
      node("Unsqueeze", ["n"], "n1", { axes: [0n] }),
      node("Unsqueeze", ["rest"], "r1", { axes: [0n] }),
      node("Concat", ["n1", "r1"], "t", { axis: 0n }),
      node("Reshape", ["x", "t"], "flat"),
      quant("flat", "q"),
    ];
    const constants = [int64Tensor("first", [], [0]), int64Tensor("rest", [], [-1])];
    const { graph } = importOnnx(file({ nodes, constants, shape, opset: 11 }));
    expect(graph.inputs).toEqual([{ name: "x", shape: [1, 2, 2] }]);
    expect(graph.nodes).toMatchObject([{ op: "quantize", inputs: ["x"], output: "q", channels: 4 }]);
  });

  it("an input without a batch axis is one row", () => {
    const { graph } = importOnnx(
      file({ nodes: [quant("x", "q"), node("MatMul", ["q", "w"], "y")], shape: [3], constants: [W] }),
    );
    expect(graph.nodes.at(-1)).toMatchObject({ op: "dense", channels: 2 });
  });
});

/** (K, M) = (3, 2), of values −0.5, 0 and 0.5. */
const W = floatTensor("w", [3, 2], [0.5, -0.5, 0, 0.5, -0.5, 0]);
const WT = floatTensor("wt", [2, 3], [0.5, 0, -0.5, -0.5, 0.5, 0]);
/** The codes of both as (M, K). */
const CODES = Int32Array.of(1, 0, -1, -1, 1, 0);

describe("weights", () => {
  it.each<[string, Draft<NodeProto>[], object]>([
    ["bare, MatMul", [node("MatMul", ["q", "w"], "y")], { scale: [0.5], found: "bare", bits: 2 }],
    ["bare, Gemm", [node("Gemm", ["q", "wt"], "y", { transB: 1n })], { scale: [0.5], found: "bare", bits: 2 }],
    [
      "on the grid",
      [quant("w", "k", "half", "zero", "bits2", { narrow: 1n }), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5], found: "on-grid", bits: 2 },
    ],
    [
      "transposed behind their quantizer",
      [quant("wt_rows", "k", "per_row"), node("Transpose", ["k"], "t"), node("MatMul", ["q", "t"], "y")],
      { scale: [0.5, 0.25], found: "on-grid", bits: 4 },
    ],
    [
      "with a scale per output channel",
      [quant("latent", "k", "per_column"), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5, 0.25], found: "latent", bits: 4 },
    ],
    [
      "scaled after their quantizer",
      [
        quant("w", "k"),
        node("Mul", ["bits8", "k"], "s"),
        node("Div", ["s", "bits2"], "t"),
        node("MatMul", ["q", "t"], "y"),
      ],
      { scale: [2], found: "on-grid", bits: 4 },
    ],
    [
      "bare, of 4 bits with a scale per output channel",
      [node("MatMul", ["q", "bare4"], "y")],
      { codes: Int32Array.of(7, 3, -5, -7, 1, 2), scale: [0.25, Math.fround(0.1)], found: "bare", bits: 4 },
    ],
    [
      "int8, cast and scaled",
      [node("Cast", ["int8"], "f", { to: 1n }), node("Mul", ["f", "half"], "k"), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5], found: "integers", bits: 8 },
    ],
    [
      "int8, cast and scaled per output channel, scale first",
      [node("Cast", ["int8"], "f", { to: 1n }), node("Mul", ["per_column", "f"], "k"), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5, 0.25], found: "integers", bits: 8 },
    ],
    [
      "int8 behind DequantizeLinear",
      [node("DequantizeLinear", ["int8", "half"], "k"), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5], found: "integers", bits: 8 },
    ],
    [
      "uint8 behind DequantizeLinear, per output channel, with zero points",
      [node("DequantizeLinear", ["uint8", "scales", "zeros"], "k", { axis: -1n }), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5, 0.25], found: "integers", bits: 8 },
    ],
    [
      "int8 of (M, K) behind DequantizeLinear, per output channel",
      [
        node("DequantizeLinear", ["int8_rows", "scales"], "k", { axis: 0n }),
        node("Gemm", ["q", "k"], "y", { transB: 1n }),
      ],
      { scale: [0.5, 0.25], found: "integers", bits: 8 },
    ],
    [
      "floats behind QuantizeLinear and DequantizeLinear",
      [
        node("QuantizeLinear", ["latent", "half", "int8_zero"], "i"),
        node("DequantizeLinear", ["i", "half", "int8_zero"], "k"),
        node("MatMul", ["q", "k"], "y"),
      ],
      { codes: Int32Array.of(1, 0, -1, -1, 0, 0), scale: [0.5], found: "latent", bits: 8 },
    ],
    [
      "signs of floats, scaled",
      [node("Sign", ["latent"], "s"), node("Mul", ["half", "s"], "k"), node("MatMul", ["q", "k"], "y")],
      { codes: Int32Array.of(1, 1, -1, -1, 1, 0), scale: [0.5], found: "integers", bits: 2 },
    ],
    [
      "rounded by the mean magnitude, as BitNet does it",
      [
        node("Abs", ["latent"], "a"),
        node("ReduceMean", ["a"], "mean", { keepdims: 0n }),
        node("Div", ["latent", "mean"], "d"),
        node("Round", ["d"], "r"),
        node("Clip", ["r", "minus", "one"], "c"),
        node("Mul", ["mean", "c"], "k"),
        node("MatMul", ["q", "k"], "y"),
      ],
      {
        codes: Int32Array.of(1, 0, -1, -1, 1, 0),
        scale: [[0.6, 0.3, 0.1, 0.2, 0.4, 0].reduce((sum, x) => sum + Math.fround(x), 0) / 6],
        found: "integers",
        bits: 2,
      },
    ],
    [
      "with a zero point",
      [quant("w", "k", "half", "one"), node("MatMul", ["q", "k"], "y")],
      { scale: [0.5], found: "on-grid", bits: 4 },
    ],
  ])("%s", (_, nodes, expected) => {
    const constants = [
      W,
      WT,
      floatTensor("per_row", [2, 1], [0.5, 0.25]),
      floatTensor("wt_rows", [2, 3], [0.5, 0, -0.5, -0.25, 0.25, 0]),
      floatTensor("per_column", [1, 2], [0.5, 0.25]),
      byteTensor("int8", "INT8", [3, 2], [1, -1, 0, 1, -1, 0]),
      byteTensor("int8_rows", "INT8", [2, 3], [1, 0, -1, -1, 1, 0]),
      byteTensor("uint8", "UINT8", [3, 2], [129, 6, 128, 8, 127, 7]),
      byteTensor("zeros", "UINT8", [2], [128, 7]),
      byteTensor("int8_zero", "INT8", [], [0]),
      floatTensor("scales", [2], [0.5, 0.25]),
      floatTensor("minus", [], [-1]),
      floatTensor("bare4", [3, 2], [1.75, -0.7, 0.75, 0.1, -1.25, 0.2]),
      floatTensor("latent", [3, 2], [0.6, -0.3, 0.1, 0.2, -0.4, 0.0]),
    ];
    const dense = imported(nodes, { constants }).nodes.at(-1)!;
    if (dense.op !== "dense") throw new Error(dense.op);
    const { codes, scale, found, bits } = dense.weights;
    expect({ codes, scale: [...scale], found, ...(bits && { bits }) }).toEqual({ codes: CODES, ...expected });
  });

  it("of one signed bit are bipolar: zero counts as +1", () => {
    const nodes = [quant("w", "k", "half", "zero", "bits1"), node("MatMul", ["q", "k"], "y")];
    const dense = imported(nodes, { constants: [W] }).nodes.at(-1)!;
    expect(dense.op === "dense" && dense.weights.codes).toEqual(Int32Array.of(1, 1, -1, -1, 1, 1));
  });

  it("Gemm has alpha, beta and a bias behind its own quantizer", () => {
    const constants = [WT, floatTensor("c", [2], [0.3, -0.6]), floatTensor("bits16", [], [16])];
    const nodes = [
      quant("c", "b", "half", "zero", "bits16"),
      node("Gemm", ["q", "wt", "b"], "y", { transB: 1n, alpha: 0.5, beta: 2 }),
    ];
    const graph = imported(nodes, { constants });
    expect(summary(graph)).toEqual(["quantize", "dense", ["mul", 0.5], ["add", 1, -1]]);
    expect(graph.nodes.map((n) => n.output)).toEqual(["q", "y_0", "y_1", "y"]);
  });

  it("get notes where they look odd", () => {
    const constants = [floatTensor("w", [3, 2], [0, 0, 0, 0, 0, 0])];
    const { notes } = importOnnx(file({ nodes: [quant("x", "q"), node("MatMul", ["q", "w"], "y")], constants }));
    expect(notes).toEqual([expect.stringContaining('"w" has no quantizer'), '"w" is all zero']);
  });
});

describe("quantizers", () => {
  it.each<[string, AttributeValue, string]>([
    ["rounding_mode", "half_even", "ROUND"],
    ["rounding_mode", "Half_Down", "HALF_DOWN"],
    ["rounding_mode", "up", "UP"],
  ])("%s %s is %s", (name, value, expected) => {
    const [q] = importOnnx(file({ nodes: [quant("x", "q", "half", "zero", "bits4", { [name]: value })] })).graph.nodes;
    expect(q?.op === "quantize" && (q.quantizer as IntQuantizer).rounding).toBe(expected);
  });

  it.each(["", "onnx.brevitas", "finn.custom_op.general", QONNX])('in domain "%s"', (domain) => {
    const [q] = importOnnx(file({ nodes: [{ ...quant("x", "q"), domain }] })).graph.nodes;
    expect(q).toMatchObject({
      op: "quantize",
      quantizer: {
        kind: "int",
        scale: Float64Array.of(0.5),
        zero: Float64Array.of(0),
        bits: 4,
        signed: true,
        narrow: false,
      },
    });
  });

  it("of one signed bit are bipolar", () => {
    const [q] = importOnnx(file({ nodes: [quant("x", "q", "half", "zero", "bits1")] })).graph.nodes;
    expect(q).toMatchObject({ quantizer: { kind: "bipolar", scale: Float64Array.of(0.5) } });
  });
});

describe("QuantizeLinear", () => {
  const constants = [
    W,
    byteTensor("z3", "INT8", [], [3]),
    byteTensor("z5", "UINT8", [], [5]),
    floatTensor("scales", [3], [0.5, 0.25, 1]),
    byteTensor("zeros", "INT8", [3], [0, 1, -2]),
  ];
  const read = (nodes: Draft<NodeProto>[]) => importOnnx(file({ nodes, constants })).graph;
  const linear = (type: "Quantize" | "Dequantize", x: string, y: string, ...operands: string[]) =>
    node(`${type}Linear`, [x, ...operands], y);

  it.each<[string, string[], object]>([
    ["int8 with a zero point", ["half", "z3"], { zero: [3], signed: true, roundsFirst: true }],
    ["uint8 with a zero point", ["half", "z5"], { zero: [5], signed: false, roundsFirst: true }],
    ["uint8 without one", ["half"], { zero: [0], signed: false }],
  ])("%s and DequantizeLinear are one quantizer", (_, operands, expected) => {
    const graph = read([linear("Quantize", "x", "i", ...operands), linear("Dequantize", "i", "y", ...operands)]);
    expect(graph.nodes).toHaveLength(1);
    const { quantizer } = graph.nodes[0] as QuantizeNode;
    const plain = { ...quantizer, scale: [...quantizer.scale], zero: [...(quantizer as IntQuantizer).zero] };
    const usual = { kind: "int", scale: [0.5], bits: 8, narrow: false, rounding: "ROUND", single: true };
    expect(plain).toEqual({ ...usual, ...expected });
  });

  it("serves a layer whatever its zero point, and through a reshape", () => {
    const nodes = [
      linear("Quantize", "x", "i", "half", "z5"),
      node("Flatten", ["i"], "f"),
      linear("Dequantize", "f", "d", "half", "z5"),
      node("MatMul", ["d", "w"], "y"),
    ];
    expect(summary(read(nodes))).toEqual(["quantize", "dense"]);
  });

  it("per channel, along its axis", () => {
    const nodes = ["Quantize", "Dequantize"] as const;
    const graph = read(nodes.map((type, i) => linear(type, ["x", "i"][i]!, ["i", "y"][i]!, "scales", "zeros")));
    expect(graph.nodes).toHaveLength(1);
    expect(graph.nodes[0]).toMatchObject({
      quantizer: { scale: Float64Array.of(0.5, 0.25, 1), zero: Float64Array.of(0, 1, -2) },
    });
  });

  it("gives integers to what is no DequantizeLinear of its own", () => {
    const other = [linear("Quantize", "x", "i", "half", "z3"), linear("Dequantize", "i", "y", "one", "z5")];
    expect(summary(read(other))).toEqual(["quantize", ["div", 0.5], ["add", 3], ["sub", 5], ["mul", 1]]);
    const graph = read([linear("Quantize", "x", "i", "half", "z3"), node("Relu", ["i"], "y")]);
    const [y] = evaluate(graph, [Float32Array.of(0.25, -3, 9)], 1);
    expect([...y!]).toEqual([3, 0, 21]); // 0.5 rounds to 0, then 3 is added
  });

  it("Sign keeps 0: a code of two bits", () => {
    const graph = read([node("Sign", ["x"], "y")]);
    const [y] = evaluate(graph, [Float32Array.of(-1e-45, 0, -0, 1e-45, 7, -Infinity)], 2);
    expect([...y!]).toEqual([-1, 0, 0, 1, 1, -1]);
  });
});

describe("ends", () => {
  it("ArgMax behind Softmax drops it, with a note", () => {
    const nodes = [quant("x", "q"), node("Softmax", ["q"], "s"), node("ArgMax", ["s"], "y", { axis: 1n })];
    const { graph, notes } = importOnnx(file({ nodes }));
    expect(summary(graph)).toEqual(["quantize", "argmax"]);
    expect(notes).toHaveLength(1);
  });

  it("nodes that no output needs are dropped, whatever they are", () => {
    const nodes = [quant("x", "q"), node("Conv", ["q", "one"], "unused"), node("Relu", ["q"], "unread")];
    const { graph, notes } = importOnnx(file({ nodes, output: "q" }));
    expect(graph.nodes).toHaveLength(1);
    expect(notes).toEqual(["2 of 3 nodes serve no output and are left out"]);
  });

  it("several inputs and outputs, and values with several readers, are kept", () => {
    const shape = ["N", 3];
    const graph = {
      name: "two",
      node: [
        quant("a", "qa"),
        quant("b", "qb"),
        node("MatMul", ["qa", "w"], "ya"),
        node("MatMul", ["qb", "w"], "yb"),
        node("Relu", ["qa"], "r"),
        node("Identity", ["ya"], "same"),
        node("Identity", ["r"], "renamed"),
      ],
      initializer: [...CONSTANTS, W],
      // Old files list their constants as inputs too; "idle" has no reader.
      input: [valueInfo("w", [3, 2]), valueInfo("a", shape), valueInfo("b", shape), valueInfo("idle", shape)],
      output: ["same", "ya", "yb", "renamed"].map((name) => valueInfo(name, [])),
    };
    const imported = importOnnx(encodeModel(model(graph, { "": 13, [QONNX]: 1 }, { name: "tests", version: "1" })));
    expect(imported.graph.inputs.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(imported.graph.outputs).toEqual(["ya", "ya", "yb", "renamed"]);
    expect(imported.graph.nodes.map(({ inputs, output }) => `${inputs} ${output}`)).toEqual([
      "a qa",
      "b qb",
      "qa ya",
      "qb yb",
      "qa renamed",
    ]);
    expect(imported.notes.at(-1)).toBe('input "idle" is not used');
  });
});

describe("inputQuantizer", () => {
  const inputQuantizer = {
    kind: "int",
    scale: Float64Array.of(0.25),
    zero: Float64Array.of(0),
    bits: 8,
    signed: false,
    narrow: false,
    rounding: "ROUND",
  } as const;

  it("stands right after an input that has none", () => {
    const bytes = file({ nodes: [node("Mul", ["x", "half"], "m"), node("MatMul", ["m", "w"], "y")], constants: [W] });
    expect(failure(() => importOnnx(bytes)).message).toContain("--input-quant scale=…,zero=…,bits=…,signed|unsigned");
    const { graph } = importOnnx(bytes, { inputQuantizer });
    expect(graph.nodes.map(({ inputs, output }) => [...inputs, output])).toEqual([
      ["x", "x_quantized"],
      ["x_quantized", "m"],
      ["m", "y"],
    ]);
  });

  it("is an input's also where constants stand before the layer", () => {
    const nodes = [node("Add", ["x", "one"], "a"), node("Div", ["a", "bits2"], "d"), node("MatMul", ["d", "w"], "y")];
    const { graph, notes } = importOnnx(file({ nodes, constants: [W] }), { inputQuantizer });
    expect(summary(graph)).toEqual(["quantize", ["div", 2], "dense"]); // w sums to 0
    expect(notes.at(-1)).toBe('what "Add_a" adds before layer "MatMul_y" is carried through its sums');
  });

  it("stands behind what does not leave codes to the layer, with a note", () => {
    const nodes = [
      node("Mul", ["x", "per_feature"], "m"),
      node("Clip", ["m"], "c", { min: -1, max: 1 }),
      node("Sub", ["c", "half"], "s"),
      node("MatMul", ["s", "w"], "y"),
    ];
    const { graph, notes } = importOnnx(file({ nodes, constants: [W], opset: 9 }), { inputQuantizer });
    expect(summary(graph)).toEqual([["mul", 1, 2, 3], ["max", -1], ["min", 1], "quantize", "dense"]);
    expect(notes).toContainEqual(expect.stringContaining('stands behind "Clip_c_min"'));
  });

  it("stands at both where some layers read the input and others what stands behind", () => {
    const nodes = [
      node("MatMul", ["x", "w"], "a"),
      node("Clip", ["x"], "c", { min: -1, max: 1 }),
      node("MatMul", ["c", "w"], "b"),
    ];
    const output = [valueInfo("a", []), valueInfo("b", [])];
    const graph = { name: "g", node: nodes, initializer: [W], input: [valueInfo("x", ["N", 3])], output };
    const bytes = encodeModel(model(graph, { "": 9 }, { name: "tests", version: "1" }));
    const { nodes: read } = importOnnx(bytes, { inputQuantizer }).graph;
    expect(read.map(({ op }) => op)).toEqual(["quantize", "dense", "step", "step", "quantize", "dense"]);
    checkGraph(importOnnx(bytes, { inputQuantizer }).graph);
  });

  it("is refused where there is one", () => {
    expect(() => importOnnx(file({ nodes: [quant("x", "q")] }), { inputQuantizer })).toThrow("already has a quantizer");
  });
});

describe("argmax", () => {
  const W2 = [quant("x", "q"), node("MatMul", ["q", "w"], "y")];
  const ends = (nodes: Draft<NodeProto>[]) => {
    const { graph } = importOnnx(file({ nodes, constants: [W] }), { argmax: true });
    return [graph.nodes.slice(2).map(({ op, inputs, output }) => `${op} ${inputs} → ${output}`), graph.outputs];
  };

  it.each<[string, Draft<NodeProto>[], string, string]>([
    ["stands behind an output", [], "argmax y → y_argmax", "y_argmax"],
    ["replaces a softmax", [node("Softmax", ["y"], "s")], "argmax y → s_argmax", "s_argmax"],
    ["is not added to one", [node("ArgMax", ["y"], "i", { axis: 1n })], "argmax y → i", "i"],
  ])("%s", (_, added, expected, output) => {
    expect(ends([...W2, ...added])).toEqual([[expected], [output]]);
  });
});

describe("what cannot be converted is refused", () => {
  const constants = [
    W,
    floatTensor("floats", [3, 2], [0.1257, -0.1321, 0.6404, 0.1049, -0.5357, 0.3616]),
    floatTensor("per_input", [3, 1], [0.5, 0.25, 0.125]),
    floatTensor("minus", [], [-1]),
    floatTensor("bits9", [], [9]),
    floatTensor("bits17", [], [17]),
    floatTensor("big", [3, 2], [200, 1, 2, 3, 4, 5]),
    int64Tensor("moved", [2], [3, -1]),
    int64Tensor("axis0", [1], [0]),
    { name: "int32", dims: [], data_type: DATA_TYPE.INT32, int32_data: [0] },
  ];
  const mm = (w: string): Draft<NodeProto> => node("MatMul", ["q", w], "y");
  it.each<[string, Draft<NodeProto>[], string]>([
    ["a difference", [node("Relu", ["q"], "r"), node("Sub", ["q", "r"], "y")], "both operands are data"],
    ["an exponent", [node("Pow", ["half", "q"], "y")], "its exponent is data"],
    ["float weights", [mm("floats")], "float numbers without a quantizer"],
    ["a scale per input", [quant("w", "k", "per_input"), mm("k")], "changes along the input axis (output 0, input 1)"],
    ["9-bit weights", [quant("big", "k", "one", "zero", "bits9"), mm("k")], "weight code 200 at index 0"],
    ["weights on the left", [node("MatMul", ["w", "q"], "y")], "weights are on the left"],
    ["17-bit activations", [quant("q", "y", "half", "zero", "bits17")], "17 bits"],
    ["half a zero point", [quant("q", "y", "half", "half")], "zero point 0.5 is not an integer"],
    ["half a bit", [quant("q", "y", "half", "zero", "half")], "0.5 bits"],
    ["one bit and a zero point", [quant("q", "y", "half", "one", "bits1")], "one signed bit"],
    ["one bit and a negative scale", [quant("q", "y", "minus", "zero", "bits1")], "one signed bit"],
    [
      "a rounding mode",
      [quant("q", "y", "half", "zero", "bits4", { rounding_mode: "constructor" })],
      'rounding mode "constructor"',
    ],
    ["a moved batch", [node("Reshape", ["q", "moved"], "y")], "moves the batch axis"],
    ["an axis before the batch", [node("Unsqueeze", ["q", "axis0"], "y")], "moves the batch axis"],
    ["a flattened batch", [node("Flatten", ["q"], "y", { axis: 0n })], "moves the batch axis"],
    ["transposed data", [node("Transpose", ["q"], "y")], "it reorders data"],
    ["softmax of the batch", [node("Softmax", ["q"], "y", { axis: 0n })], "not the whole row"],
    ["argmax of the batch", [node("ArgMax", ["q"], "y")], "not the whole row"],
    ["the last argmax", [node("ArgMax", ["q"], "y", { axis: 1n, select_last_index: 1n })], "last of equal values"],
    ["softmax inside", [node("Softmax", ["q"], "s"), node("Relu", ["s"], "y")], 'it reads the softmax "Softmax_s"'],
    [
      "sums into a layer",
      [node("MatMul", ["q", "w"], "a"), node("MatMul", ["a", "v"], "y")],
      "no quantizer between layer",
    ],
    [
      "a factor per feature into a layer",
      [node("Mul", ["q", "per_feature"], "a"), node("MatMul", ["a", "w"], "y")],
      "does more than scale all features alike",
    ],
    [
      "a bend behind an offset into a layer",
      [node("Add", ["q", "half"], "a"), node("Relu", ["a"], "r"), node("MatMul", ["r", "w"], "y")],
      '"Relu_r", between quantizer "Quant_q" and this layer',
    ],
    ["a scale per feature", [quant("x", "p", "per_feature"), node("MatMul", ["p", "w"], "y")], "one scale per feature"],
    ["no quantizer", [node("MatMul", ["x", "w"], "y")], "--input-quant"],
    ["no quantizer at all", [node("Relu", ["x"], "y")], "--input-quant"],
    ["an output that is the input", [node("Identity", ["x"], "y")], "--input-quant"],
    ["transA", [node("Gemm", ["q", "w"], "y", { transA: 1n })], "transA is set"],
    [
      "training",
      [node("BatchNormalization", ["q", "one", "one", "one", "one"], "y", { training_mode: 1n })],
      "training mode",
    ],
    ["32 bits of QuantizeLinear", [node("QuantizeLinear", ["q", "half", "int32"], "y")], "32 bits"],
    ["a scale per block", [node("QuantizeLinear", ["q", "half"], "y", { block_size: 2n })], "changes within an axis"],
    ["a constant's op on data", [node("Abs", ["q"], "y")], "it is applied to data"],
    ["a cast to integers", [node("Cast", ["q"], "y", { to: 7n })], "it casts to type 7"],
    ["a foreign domain", [node("Relu", ["q"], "y", {}, "com.example")], 'no such op here (domain "com.example")'],
    ["an op named like a property", [node("toString", ["q"], "y")], "no such op here"],
    ["a used mask", [{ op_type: "Dropout", input: ["q"], output: ["d", "y"] }], 'second output "y" is used'],
  ])("%s", (_, nodes, expected) => {
    const v = floatTensor("v", [2, 2], [1, -1, 1, 1]);
    const error = failure(() => imported(nodes, { constants: [...constants, v], output: "y" }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toContain(expected);
  });

  it("all at once, with name, op type and shape", () => {
    const nodes = [
      node("Conv", ["q", "w"], "c"),
      node("LRN", ["c"], "p"),
      node("Relu", ["p"], "r"),
      node("LSTM", ["q", "w", "w"], "l"),
      node("Add", ["q", "q"], "a"),
      node("Concat", ["a", "l", "r"], "y"),
    ];
    const error = failure(() => imported(nodes, { constants: [W] })) as UnsupportedError;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.reasons.map(({ op, node, shape }) => [op, node, shape])).toEqual([
      ["Conv", "Conv_c", "[N, 3]"],
      ["LRN", "LRN_p", ""],
      ["LSTM", "LSTM_l", "[N, 3]"],
    ]);
  });
});

describe("what is wrong in a file is an error that says where", () => {
  const tensor = (fields: Draft<TensorProto>): Draft<TensorProto> => ({
    name: "c",
    data_type: DATA_TYPE.FLOAT,
    dims: [1],
    ...fields,
  });
  const add = [node("Add", ["q", "c"], "y")];
  it.each<[string, FileParts, string]>([
    ["NaN", { nodes: add, constants: [tensor({ float_data: [Number.NaN] })] }, 'tensor "c": element 0 is NaN'],
    ["infinity", { nodes: add, constants: [tensor({ dims: [2], float_data: [1, -1 / 0] })] }, "element 1 is -Infinity"],
    ["too few bytes", { nodes: add, constants: [tensor({ raw_data: new Uint8Array(3) })] }, "3 bytes, expected 4"],
    [
      "too many entries",
      { nodes: add, constants: [tensor({ float_data: [1, 2] })] },
      "2 entries in float_data, expected 1",
    ],
    ["a negative size", { nodes: add, constants: [tensor({ dims: [-1] })] }, "impossible shape [-1]"],
    ["a product past 2^53", { nodes: add, constants: [tensor({ dims: [2 ** 30, 2 ** 30] })] }, "impossible shape"],
    ["nine axes", { nodes: add, constants: [tensor({ dims: new Array(9).fill(1) })] }, "9 axes, expected at most 8"],
    ["strings", { nodes: add, constants: [tensor({ data_type: 8 })] }, "data type 8, expected one of FLOAT"],
    ["external data", { nodes: add, constants: [tensor({ data_location: 1 })] }, "in another file"],
    [
      "an external file",
      { nodes: add, constants: [tensor({ external_data: [{ key: "location", value: "/etc/passwd" }] })] },
      "in another file",
    ],
    [
      "an unknown value",
      { nodes: [node("Add", ["q", "nowhere"], "y")] },
      'reads "nowhere", which nothing before it defines',
    ],
    ["a missing operand", { nodes: [node("Add", ["q"], "y")] }, "input 1 is missing"],
    ["a value defined twice", { nodes: [quant("x", "q")], output: "q" }, 'value "q" is defined twice'],
    [
      "a wrong attribute type",
      { nodes: [node("Gemm", ["q", "w"], "y", { transB: 1.5 })], constants: [W] },
      'attribute "transB" has type 1',
    ],
    [
      "an infinite attribute",
      { nodes: [node("Clip", ["q"], "y", { min: -1 / 0 })], opset: 9 },
      'attribute "min" is -Infinity',
    ],
    [
      "signed = 2",
      { nodes: [quant("q", "y", "half", "zero", "bits4", { signed: 2n })] },
      '"signed" is 2, expected 0 or 1',
    ],
    ["a scale of 0", { nodes: [quant("q", "y", "zero")] }, 'element 0 of scale "zero" is 0'],
    [
      "a wrong inner size",
      { nodes: [node("MatMul", ["q", "wt"], "y")], constants: [WT] },
      "times weights (K, M) of shape [2, 3]",
    ],
    ["a folded 0 / 0", { nodes: [node("Div", ["zero", "zero"], "c"), ...add] }, 'constant "zero" is NaN'],
    [
      "the batch size as a number",
      { nodes: [node("Shape", ["x"], "s"), node("Gather", ["s", "zero"], "c"), ...add] },
      "does not depend on the batch size",
    ],
    ["an axis out of range", { nodes: [node("Softmax", ["q"], "y", { axis: 2n })] }, "axis 2 of a tensor with 2 axes"],
    [
      "a variance below 0",
      {
        nodes: [node("BatchNormalization", ["q", "one3", "one3", "one3", "neg3"], "y")],
        constants: [floatTensor("one3", [3], [1, 1, 1]), floatTensor("neg3", [3], [1, -1, 1])],
      },
      "variance -1",
    ],
    ["an old operator set", { nodes: add, opset: 6 }, "operator set 6, expected 7 or newer"],
    ["an open feature axis", { nodes: add, shape: ["N", "features"] }, 'input "x": shape [?,?], expected fixed sizes'],
    ["a scalar input", { nodes: add, shape: [] }, 'input "x": no shape'],
    ["an enormous input", { nodes: add, shape: [1, 2 ** 31] }, `at most ${MAX_ROW_ELEMENTS} elements`],
    ["a constant output", { nodes: [node("Neg", ["one"], "y")] }, "no output depends on an input"],
  ])("%s", (_, { nodes, ...parts }, expected) => {
    const error = failure(() => imported(nodes, { output: "y", ...parts }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(expected);
  });

  it("outer products that explode stop at a limit", () => {
    const side = 1 << 14;
    const nodes = [node("Add", ["column", "row"], "c"), node("Add", ["q", "c"], "y")];
    const constants = [
      floatTensor("column", [side, 1], new Array(side).fill(1)),
      floatTensor("row", [1, side], new Array(side).fill(1)),
    ];
    expect(() => imported(nodes, { constants })).toThrow("folding its constants takes more than");
  });
});

describe("element types", () => {
  const raw = (data_type: number, dims: number[], ...bytes: number[]): Draft<TensorProto> => ({
    name: "c",
    data_type,
    dims,
    raw_data: Uint8Array.from(bytes),
  });
  it.each<[string, Draft<TensorProto>, number[]]>([
    ["DOUBLE", raw(DATA_TYPE.DOUBLE, [3], 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, ...new Array(16).fill(0)), [1, 0, 0]],
    ["FLOAT16", raw(DATA_TYPE.FLOAT16, [3], 0x00, 0x3c, 0x00, 0xc4, 0x01, 0x00), [1, -4, 2 ** -24]],
    ["BFLOAT16", raw(DATA_TYPE.BFLOAT16, [3], 0x80, 0x3f, 0x40, 0xc0, 0, 0), [1, -3, 0]],
    ["INT8", raw(DATA_TYPE.INT8, [3], 1, 0x80, 0xff), [1, -128, -1]],
    ["UINT8", raw(DATA_TYPE.UINT8, [3], 1, 0x80, 0xff), [1, 128, 255]],
    ["INT16", raw(DATA_TYPE.INT16, [3], 1, 0, 0xff, 0xff, 0, 0x80), [1, -1, -32768]],
    ["UINT16", raw(DATA_TYPE.UINT16, [3], 1, 0, 0xff, 0xff, 0, 0x80), [1, 65535, 32768]],
    ["INT32", raw(DATA_TYPE.INT32, [3], 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 1, 0, 0), [1, -2, 256]],
    ["INT4", raw(DATA_TYPE.INT4, [3], 0xf7, 0x08), [7, -1, -8]],
    ["UINT4", raw(DATA_TYPE.UINT4, [3], 0xf7, 0x08), [7, 15, 8]],
    ["INT2", raw(DATA_TYPE.INT2, [3], 0b00_10_11_01), [1, -1, -2]],
    ["UINT2", raw(DATA_TYPE.UINT2, [3], 0b00_10_11_01), [1, 3, 2]],
    ["INT64", int64Tensor("c", [3], [1, -2, 3]), [1, -2, 3]],
    [
      "FLOAT16 listed",
      { name: "c", data_type: DATA_TYPE.FLOAT16, dims: [3], int32_data: [0x3c00, 0xc400, 0] },
      [1, -4, 0],
    ],
    ["INT4 listed", { name: "c", data_type: DATA_TYPE.INT4, dims: [3], int32_data: [0xf7, 8] }, [7, -1, -8]],
    ["DOUBLE listed", { name: "c", data_type: DATA_TYPE.DOUBLE, dims: [3], double_data: [0.1, 2, 3] }, [0.1, 2, 3]],
  ])("%s", (_, tensor, expected) => {
    const graph = imported([node("Add", ["q", "c"], "y")], { constants: [tensor] });
    expect(summary(graph)).toEqual(["quantize", ["add", ...expected]]);
  });
});
