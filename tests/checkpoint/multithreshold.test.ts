import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { type AttributeValue, floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { type Draft, encodeModel, type NodeProto, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { verify } from "../../host/verify.ts";
import { disposeAll, openSessions } from "../sessions.ts";

const FINN = "finn.custom_op.general";

function file(nodes: Draft<NodeProto>[], tensors: Draft<TensorProto>[], shape: number[], domain = FINN): Uint8Array {
  return encodeModel(
    model(
      {
        name: "thresholds",
        node: nodes,
        initializer: tensors,
        input: [valueInfo("x", ["N", ...shape])],
        output: [valueInfo("y", [])],
      },
      { "": 13, [domain]: 1, "qonnx.custom_op.general": 1 },
      { name: "tests", version: "1" },
    ),
  );
}

const threshold = (x: string, y: string, attributes: Record<string, AttributeValue> = {}, domain = FINN) =>
  node("MultiThreshold", [x, "t"], y, { out_dtype: "UINT8", ...attributes }, domain);

/** What qonnx computes, `custom_op/general/multithreshold.py`. */
function counted(x: number, thresholds: number[], scale = 1, bias = 0): number {
  return Math.fround(scale * thresholds.filter((each) => x >= each).length + bias + 0);
}

const NUMBERS = Float32Array.from({ length: 82 }, (_, i) => (i - 40) / 8);

/** Thresholds of two channels, by rows. */
const UNEVEN = [
  [-3, -0.5, -0.5, 0.25, 4],
  [-2.5, 0, 1, 1.125, 2],
];

describe("MultiThreshold counts the thresholds that its input has reached", () => {
  it.each<[string, number[][], { out_scale?: number; out_bias?: number }]>([
    ["unevenly apart, by channels", UNEVEN, {}],
    ["alike in all channels", [UNEVEN[0]!], {}],
    ["in any order", UNEVEN.map((row) => row.toReversed()), {}],
    ["as signed codes", [UNEVEN[0]!.slice(0, 3), UNEVEN[1]!.slice(0, 3)], { out_bias: -2 }],
    ["from a code below 0 on", UNEVEN, { out_bias: -1 }],
    ["at a scale", UNEVEN, { out_scale: 0.375, out_bias: -0.75 }],
    ["at a negative scale", UNEVEN, { out_scale: -0.375, out_bias: 0.375 }],
    ["and adds a constant that is no code", UNEVEN, { out_scale: 0.5, out_bias: 0.3 }],
    ["and adds a constant beyond its codes", UNEVEN, { out_bias: 3 }],
    ["as ±1", [[0.5], [-1]], { out_scale: 2, out_bias: -1 }],
    ["as ∓1", [[0.5]], { out_scale: -2, out_bias: 1 }],
    ["as 0 and 1", [[0.5], [-1]], {}],
  ])("%s", (_, rows, attributes) => {
    const tensor = floatTensor("t", [rows.length, rows[0]!.length], rows.flat());
    const { graph } = importOnnx(file([threshold("x", "y", attributes)], [tensor], [2]));
    const bias = Math.fround(attributes.out_bias ?? 0);
    const expected = Array.from(NUMBERS, (x, i) =>
      counted(x, rows[rows.length > 1 ? i % 2 : 0]!, attributes.out_scale, bias),
    );
    expect([...evaluate(graph, [NUMBERS], 41)[0]!]).toEqual(expected);
  });
});

const FEATURES = 18;
const weights = (name: string, dims: number[]) => {
  const count = dims.reduce((a, b) => a * b);
  return floatTensor(
    name,
    dims,
    Float32Array.from({ length: count }, (_, i) => ((i * 7) % 3) - 1),
  );
};
/** (channels, steps), unevenly apart. */
const table = (name: string, channels: number, steps: number, apart: number) => {
  const row = (c: number) =>
    Array.from({ length: steps }, (_, j) => apart * (j - steps / 2) + ((j * 5 + c) % 3) * 0.3 * apart);
  return floatTensor(name, [channels, steps], Array.from({ length: channels }, (_, c) => row(c)).flat());
};

it.each(["NCHW", "NHWC"])("a network of FINN's, its pictures %s, is proven in every session", async (layout) => {
  const of = (x: string, t: string, y: string, attributes: Record<string, AttributeValue> = {}) =>
    node("MultiThreshold", [x, t], y, { out_dtype: "UINT4", ...attributes }, FINN);
  const thresholds =
    layout === "NCHW"
      ? [of("c", "t2", "d")]
      : [
          node("Transpose", ["c"], "c1", { perm: [0n, 2n, 3n, 1n] }),
          of("c1", "t2", "c2", { data_layout: "NHWC" }),
          node("Transpose", ["c2"], "d", { perm: [0n, 3n, 1n, 2n] }),
        ];
  const checkpoint = file(
    [
      of("x", "t1", "q"),
      node("Conv", ["q", "w1"], "c", { pads: [1n, 1n, 1n, 1n] }),
      ...thresholds,
      node("Flatten", ["d"], "f"),
      node("MatMul", ["f", "w2"], "m"),
      of("m", "t3", "s", { out_scale: 2, out_bias: -1, out_dtype: "BIPOLAR" }),
      node("MatMul", ["s", "w3"], "y"),
    ],
    [
      ...[table("t1", 1, 15, 0.2), weights("w1", [2, 2, 3, 3]), table("t2", 2, 7, 9), weights("w2", [FEATURES, 5])],
      ...[table("t3", 5, 1, 3), weights("w3", [5, 3])],
    ],
    [2, 3, 3],
  );
  const { blob, program } = await convert(checkpoint, { file: "finn.onnx", input: { dtype: "f32" } });
  expect(writeBlob(readBlob(blob))).toEqual(blob);
  expect(program.ops.filter(({ post }) => post?.kind === "thresholds").length).toBeGreaterThan(1);
  const sessions = await openSessions(blob);
  const inputs = sampleInputs(program, 20, 1);
  expect(
    verify({ blob: program, checkpoint, sha256: program.description!.source.sha256, sessions, inputs }).differences,
  ).toEqual([]);
  disposeAll(sessions);
});

describe("what is refused", () => {
  const many = new Float32Array(1e6);
  it.each<[string, Uint8Array, string]>([
    [
      "NaN",
      file([threshold("x", "y")], [floatTensor("t", [1, 2], [1, Number.NaN])], [2]),
      'tensor "t": element 1 is NaN, expected a finite number',
    ],
    [
      "thresholds of one axis",
      file([threshold("x", "y")], [floatTensor("t", [2], [1, 2])], [2]),
      "of shape [2], expected [channels or 1, steps]",
    ],
    ["no thresholds", file([threshold("x", "y")], [floatTensor("t", [1, 0], [])], [2]), "of shape [1, 0], expected"],
    [
      "other channels",
      file([threshold("x", "y")], [table("t", 3, 2, 1)], [2]),
      "its thresholds are those of 3 channels, and its input has shape [N, 2]",
    ],
    [
      "an axis of positions",
      file(
        [threshold("x", "y", { data_layout: "NHWC" }), node("GlobalMaxPool", ["y"], "z")],
        [table("t", 2, 2, 1)],
        [3, 2, 2],
      ),
      "those of 2 channels",
    ],
    [
      "another layout",
      file([threshold("x", "y", { data_layout: "CHWN" })], [table("t", 2, 2, 1)], [2]),
      'data_layout "CHWN"',
    ],
    ["a scale of 0", file([threshold("x", "y", { out_scale: 0 })], [table("t", 2, 2, 1)], [2]), "its out_scale is 0"],
    [
      "a million steps",
      file([threshold("x", "y")], [floatTensor("t", [1, 1e6], many)], [2]),
      "it has 1000000 steps. Instead: at most 65535",
    ],
    [
      "FINN's hardware layers",
      file(
        [node("MVAU_hls", ["x", "t"], "y", {}, "finn.custom_op.fpgadataflow.hls")],
        [table("t", 2, 2, 1)],
        [2],
        "finn.custom_op.fpgadataflow.hls",
      ),
      'MVAU_hls "MVAU_hls_y" [N, 2]: no such op here (domain "finn.custom_op.fpgadataflow.hls"). Instead: the file from before FINN made hardware layers',
    ],
  ])("%s", (_, bytes, why) => {
    const nodes = () => importOnnx(bytes);
    expect(nodes).toThrow(why);
  });

  it("many nodes of many steps, before they take memory", () => {
    const nodes = Array.from({ length: 2000 }, (_, i) =>
      threshold(i === 0 ? "x" : `v${i - 1}`, i === 1999 ? "y" : `v${i}`),
    );
    const bytes = file(nodes, [floatTensor("t", [1, 65_000], new Float32Array(65_000))], [2]);
    expect(() => importOnnx(bytes)).toThrow("folding its constants takes more than");
  });
});
