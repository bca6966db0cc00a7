import { describe, expect, it } from "vitest";
import { floatTensor, int64Tensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { type Draft, encodeModel, type GraphProto, type NodeProto } from "../../host/checkpoint/onnx/proto.ts";
import { ended } from "../tools/cost.ts";
import { scratch } from "../tools/tern.ts";

// Small files that ask for much: each is converted, or refused with a typed error, at the cost of a small file.

const { path, put } = scratch();
const QUANT = { signed: 1n, narrow: 0n, rounding_mode: "ROUND" };
const quant = (x: string, y: string, bits = "four") =>
  node("Quant", [x, "one", "zero", bits], y, QUANT, "qonnx.custom_op.general");
const SCALARS = [
  floatTensor("one", [], [1]),
  floatTensor("zero", [], [0]),
  floatTensor("two", [], [2]),
  floatTensor("four", [], [4]),
  floatTensor("eight", [], [8]),
];
type Nodes = Draft<NodeProto>[];

function file(channels: number, nodes: Nodes, more: Draft<GraphProto> = {}): Uint8Array {
  const graph = {
    name: "crafted",
    node: nodes,
    input: [valueInfo("x", ["N", channels])],
    output: [valueInfo("y", [])],
    ...more,
    initializer: [...SCALARS, ...(more.initializer ?? [])],
  };
  return encodeModel(model(graph, { "": 13, "qonnx.custom_op.general": 1 }, { name: "tests", version: "1" }));
}

const chain = (count: number, step: (x: string, y: string, i: number) => Draft<NodeProto>, from: string): Nodes =>
  Array.from({ length: count }, (_, i) => step(i === 0 ? from : `c${i - 1}`, `c${i}`, i));
const relu = (x: string, y: string) => node("Relu", [x], y);
const ones = (length: number) => new Float32Array(length).fill(1);
const rising = (length: number) => Float32Array.from({ length }, (_, i) => 1 + i / length);

const CRAFTED: [string, () => Uint8Array, RegExp | undefined][] = [
  [
    "16,000 steps in front of a quantizer",
    () => file(4, [...chain(16_000, relu, "x"), quant("c15999", "y")]),
    undefined,
  ],
  [
    "16,000 steps between codes and an output",
    () =>
      file(4, [
        quant("x", "q"),
        ...chain(16_000, (x, y) => node("Add", [x, "one"], y), "q"),
        node("Identity", ["c15999"], "y"),
      ]),
    undefined,
  ],
  [
    "16,000 steps on codes, which stay codes",
    () => file(4, [quant("x", "q"), ...chain(16_000, relu, "q"), node("Identity", ["c15999"], "y")]),
    undefined,
  ],
  [
    "8,000 layers",
    () =>
      file(
        4,
        [
          quant("x", "q"),
          ...chain(16_000, (x, y, i) => (i % 2 === 0 ? node("MatMul", [x, "w"], y) : quant(x, y)), "q"),
          node("Identity", ["c15999"], "y"),
        ],
        { initializer: [floatTensor("w", [4, 4], [1, -1, 1, 1, 1, 1, -1, 1, 1, 1, 1, -1, -1, 1, 1, 1])] },
      ),
    undefined,
  ],
  [
    "5,000 quantizers and layers behind one chain of 5,000 steps",
    () =>
      file(
        4,
        [
          quant("x", "q"),
          ...chain(5000, (x, y) => node("Add", [x, "one"], y), "q"),
          ...Array.from({ length: 5000 }, (_, i) => [
            quant("c4999", `k${i}`),
            node("MatMul", [`k${i}`, "w"], `y${i}`),
          ]).flat(),
        ],
        {
          initializer: [floatTensor("w", [4, 1], [1, -1, 1, 1])],
          output: Array.from({ length: 5000 }, (_, i) => valueInfo(`y${i}`, [])),
        },
      ),
    /5000 of them\. Instead: at most 255/,
  ],
  [
    "8-bit codes behind 16,000 steps",
    () => file(4, [...chain(16_000, relu, "x"), quant("c15999", "y", "eight")]),
    /finding its steps in all channels takes up to \d+ evaluations/,
  ],
  [
    "squares of sums in 64 channels",
    () =>
      file(
        32,
        [
          quant("x", "q", "eight"),
          node("MatMul", ["q", "w"], "m"),
          node("Mul", ["m", "v"], "s"),
          node("Pow", ["s", "two"], "p"),
          quant("p", "y", "eight"),
        ],
        { initializer: [floatTensor("w", [32, 64], ones(2048)), floatTensor("v", [64], rising(64))] },
      ),
    undefined,
  ],
  [
    "squares of wide sums in 64 channels",
    () =>
      file(
        1024,
        [
          quant("x", "q", "eight"),
          node("Mul", ["column", "row"], "w0"),
          quant("w0", "w", "eight"),
          node("MatMul", ["q", "w"], "m"),
          node("Mul", ["m", "v"], "s"),
          node("Pow", ["s", "two"], "p"),
          quant("p", "y", "eight"),
        ],
        {
          initializer: [
            floatTensor("column", [1024, 1], new Float32Array(1024).fill(100)),
            floatTensor("row", [1, 64], ones(64)),
            floatTensor("v", [64], rising(64)),
          ],
        },
      ),
    /neither only rises nor only falls/,
  ],
  [
    "a function for each of 2^18 channels",
    () =>
      file(
        2 ** 18,
        [
          node("Mul", ["column", "row"], "product"),
          node("Reshape", ["product", "flat"], "v"),
          node("Mul", ["x", "v"], "m"),
          quant("m", "y", "eight"),
        ],
        {
          initializer: [
            floatTensor("column", [512, 1], rising(512)),
            floatTensor("row", [1, 512], rising(512)),
            int64Tensor("flat", [1], [-1]),
          ],
        },
      ),
    /steps in all channels/,
  ],
  [
    "an outer product of two vectors",
    () =>
      file(
        6500,
        [node("Add", ["column", "row"], "w0"), quant("w0", "w"), quant("x", "q"), node("MatMul", ["q", "w"], "y")],
        { initializer: [floatTensor("column", [6500, 1], ones(6500)), floatTensor("row", [1, 6500], ones(6500))] },
      ),
    /folding its constants takes more than/,
  ],
  [
    "a constant that 16,000 nodes cast",
    () =>
      file(
        4,
        [
          ...chain(16_000, (x, y) => node("Cast", [x], y, { to: 7n }), "big"),
          quant("x", "q"),
          node("Gather", ["c15999", "zero"], "g"),
          node("Add", ["q", "g"], "y"),
        ],
        { initializer: [floatTensor("big", [65536], ones(65536))] },
      ),
    /folding its constants takes more than/,
  ],
  [
    "a maximum of 50,000 operands",
    () =>
      file(
        4,
        [
          node(
            "Max",
            Array.from({ length: 50_000 }, (_, i) => (i === 0 ? "big" : "large")),
            "m",
          ),
          node("Gather", ["m", "zero"], "g"),
          quant("x", "q"),
          node("Add", ["q", "g"], "y"),
        ],
        { initializer: [floatTensor("large", [65536], rising(65536)), floatTensor("big", [65536], rising(65536))] },
      ),
    /folding its constants takes more than/,
  ],
  [
    "a long axis beside an empty one",
    () =>
      file(
        4,
        [
          node("Gather", ["void", "none"], "g", { axis: 1n }),
          node("Concat", ["g", "g"], "c", { axis: 1n }),
          quant("x", "q"),
          node("Add", ["q", "c"], "y"),
        ],
        { initializer: [floatTensor("void", [2 ** 40, 0], []), int64Tensor("none", [0], [])] },
      ),
    /does not fit/,
  ],
  [
    "axes upon axes",
    () =>
      file(4, [
        ...chain(16_000, (x, y) => node("Unsqueeze", [x], y, { axes: [0n, 1n, 2n, 3n, 4n] }), "one"),
        quant("x", "q"),
        node("Add", ["q", "c15999"], "y"),
      ]),
    /axes\. Instead: at most 8/,
  ],
  [
    "the greatest of 4,096 codes",
    () => file(4096, [quant("x", "q"), node("ArgMax", ["q"], "y", { axis: 1n })]),
    /it ranks 4096 codes/,
  ],
  [
    "10,000 outputs",
    () => file(4, [quant("x", "y")], { output: Array.from({ length: 10_000 }, () => valueInfo("y", [])) }),
    /10000 of them\. Instead: at most 255/,
  ],
  [
    "half a million messages",
    () => file(4, [quant("x", "y")], { value_info: new Array(2 ** 19).fill({}) }),
    /more than 262144 messages/,
  ],
];

describe("a small file that asks for much", () => {
  it.each(CRAFTED)("%s", async (_, make, refusal) => {
    const cost = await ended("convert", put("crafted.onnx", make()), "--out", path("crafted.tern"));
    if (refusal) expect(cost.stderr).toMatch(refusal);
    else expect(cost.stderr).toBe("");
    expect(cost.code).toBe(refusal ? 1 : 0);
    expect(cost.seconds).toBeLessThan(refusal ? 5 : 9); // of which 1 to 3 where nothing else runs
    expect(cost.megabytes).toBeLessThan(500);
  });
});
