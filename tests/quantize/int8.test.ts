import { describe, expect, it } from "vitest";
import { GraphError, InputError, UnsupportedError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { type Conversion, convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph } from "../../host/graph/graph.ts";
import { inputPicture } from "../../host/graph/shapes.ts";
import { lower } from "../../host/lower/lower.ts";
import { codeRange, dequantize, quantize } from "../../host/numbers/quantizer.ts";
import { calibrate } from "../../host/quantize/calibrate.ts";
import { quantizedValues, quantizerOver, toInt8 } from "../../host/quantize/int8.ts";
import { parseRanges, type Range, rangesText } from "../../host/quantize/ranges.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { verify } from "../../host/verify.ts";
import { compute, type Given } from "../checkpoint/arch/definition.ts";
import { fileOf, numbers, tensorsOf } from "../checkpoint/arch/tensors.ts";
import { DIGITS } from "../digits.ts";
import { OPTIONS } from "../lower/agree.ts";
import { disposeAll, openSessions } from "../sessions.ts";

// A float network becomes one of int8: the float graph means what plain loops compute, the int8 one is near it, and its blob computes just that.

const ROWS = 20;

const conv = (name: string, fields = {}) => ({ op: "conv2d", name, ...fields });
const norm = (name: string) => ({ op: "batch_norm", name });
const normOf = (name: string, channels: number) =>
  Object.fromEntries(
    ["weight", "bias", "running_mean", "running_var"].map((field) => [`${name}.${field}`, [channels]]),
  );
const relu = { op: "relu" };

interface Network {
  arch: { input: { shape: number[]; layout?: "chw" | "hwc" }; layers: object[] };
  shapes: Record<string, number[]>;
  /** Quantizers that it needs. */
  values: number;
}

const NETWORKS: Record<string, Network> = {
  "dense layers": {
    arch: { input: { shape: [12] }, layers: [{ op: "dense", name: "a" }, relu, { op: "dense", name: "b" }] },
    shapes: { "a.weight": [9, 12], "a.bias": [9], "b.weight": [4, 9], "b.bias": [4] },
    values: 2,
  },
  "convolutions with norms and a pool": {
    arch: {
      input: { shape: [3, 8, 6] },
      layers: [
        ...[conv("a", { padding: 1 }), norm("na"), relu, { op: "maxpool", kernel: 2 }],
        ...[{ op: "depthwise", name: "b", padding: 1 }, norm("nb"), relu, conv("c"), relu],
        ...[{ op: "avgpool", kernel: "global" }, { op: "flatten" }, { op: "dense", name: "d" }],
      ],
    },
    shapes: {
      ...{ "a.weight": [4, 3, 3, 3], ...normOf("na", 4), "b.weight": [4, 1, 3, 3], ...normOf("nb", 4) },
      ...{ "c.weight": [5, 4, 1, 1], "c.bias": [5], "d.weight": [3, 5] },
    },
    values: 5,
  },
  "a block whose input is added": {
    arch: {
      input: { shape: [2, 5, 5] },
      layers: [
        ...[conv("a", { padding: 1 }), { ...relu, name: "r" }, conv("b", { padding: 1 }), norm("nb"), relu],
        ...[conv("c", { padding: 1 }), norm("nc"), { op: "add", with: "r" }, relu, conv("d")],
      ],
    },
    shapes: {
      ...{ "a.weight": [3, 2, 3, 3], "b.weight": [3, 3, 3, 3], ...normOf("nb", 3) },
      ...{ "c.weight": [3, 3, 3, 3], ...normOf("nc", 3), "d.weight": [2, 3, 1, 1] },
    },
    values: 4,
  },
  "a block with a layer on either branch": {
    arch: {
      input: { shape: [2, 6, 6] },
      layers: [
        ...[{ ...conv("a", { padding: 1, stride: 2 }) }, { ...norm("na") }],
        ...[conv("b", { from: "input", stride: 2 }), { op: "add", with: "na" }, relu, conv("c")],
      ],
    },
    shapes: { "a.weight": [3, 2, 3, 3], ...normOf("na", 3), "b.weight": [3, 2, 1, 1], "c.weight": [2, 3, 1, 1] },
    values: 3,
  },
  "a shortcut to more channels": {
    arch: {
      input: { shape: [2, 6, 6] },
      layers: [
        ...[conv("a", { padding: 1 }), { ...relu, name: "r" }, conv("b", { padding: 1, stride: 2 }), norm("nb")],
        ...[{ op: "shortcut", from: "r", stride: 2, channels: 4 }, { op: "add", with: "nb" }, relu],
        ...[{ op: "flatten" }, { op: "dense", name: "d" }],
      ],
    },
    shapes: { "a.weight": [2, 2, 3, 3], "b.weight": [4, 2, 3, 3], ...normOf("nb", 4), "d.weight": [3, 36] },
    values: 4,
  },
  "a picture whose channels are last": {
    arch: {
      input: { shape: [4, 4, 2], layout: "hwc" },
      layers: [conv("a"), relu, { op: "flatten" }, { op: "dense", name: "d" }],
    },
    shapes: { "a.weight": [3, 2, 2, 2], "d.weight": [4, 27] },
    values: 2,
  },
};

/** Rows of an input as the file has them, and as the graph has them: positions with their channels. */
function samplesOf({ inputs: [input] }: Graph, seed: number): { rows: number[][]; elements: Float32Array } {
  const { height, width, channels } = inputPicture(input!);
  const size = height * width * channels;
  const rows = Array.from({ length: ROWS }, (_, row) => numbers(seed + row, size));
  const isPlanar = input!.layout === "chw";
  const elements = rows.flatMap((row) =>
    isPlanar ? row.map((_, i) => row[(i % channels) * height * width + Math.floor(i / channels)]!) : row,
  );
  return { rows, elements: Float32Array.from(elements) };
}

async function differences({ blob, program }: Conversion, checkpoint: Uint8Array, arch?: string) {
  const sessions = await openSessions(blob);
  const inputs = sampleInputs(program, ROWS, 1);
  const { sha256 } = program.description!.source;
  const found = verify({ blob: program, checkpoint, sha256, sessions, inputs, ...(arch && { arch }) }).differences;
  disposeAll(sessions);
  return found;
}

describe.each(Object.entries(NETWORKS))("%s", (_, { arch, shapes, values }) => {
  const tensors: Record<string, Given> = tensorsOf(shapes);
  const file = fileOf(tensors);
  const text = JSON.stringify(arch);
  const { graph } = readCheckpoint(file, { floats: "keep" }, text);
  const { rows, elements } = samplesOf(graph, 7);
  const [scores] = evaluate(graph, [elements], ROWS) as [Float32Array];
  const greatest = scores.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

  it("means as floats what its layers say", () => {
    const last = graph.outputs[0]!;
    const { channels } = graph.nodes.find(({ output }) => output === last)!;
    const count = scores.length / ROWS;
    for (const [row, input] of rows.entries()) {
      const expected = compute(arch, tensors, input);
      for (let i = 0; i < count; i++) {
        // the graph has the channels of a position together
        const at = (i % channels) * (count / channels) + Math.floor(i / channels);
        expect(Math.abs(scores[row * count + i]! - expected[at]!)).toBeLessThan(1e-5 * greatest);
      }
    }
  });

  it("is refused as it is, with what to do", async () => {
    await expect(convert(file, { arch: text })).rejects.toThrow(
      /its weights .* are float[\s\S]* --weights int8 --calibrate/,
    );
    await expect(convert(file, { arch: text })).rejects.toThrow(UnsupportedError);
    expect(() => lower(graph, OPTIONS)).toThrow(GraphError);
  });

  it("becomes int8 that is near it, and a blob that computes just that", async () => {
    expect(quantizedValues(graph)).toHaveLength(values);
    const conversion = await convert(file, { arch: text, calibration: { inputs: [elements] } });
    const { checkpoint, program, weights, notes } = conversion;
    const [int8] = evaluate(checkpoint.graph, [elements], ROWS) as [Float32Array];
    const far = int8.reduce((most, x, i) => Math.max(most, Math.abs(x - scores[i]!)), 0);
    expect(far).toBeLessThan(0.05 * greatest);
    expect(notes.at(-1)).toMatch(
      /^of the int8 network: .* of 20 samples keep their greatest output, and no output .* moves by more than/,
    );
    // a shortcut is a layer of ones and zeros
    for (const { found, bits } of weights) if (found !== "integers") expect([found, bits]).toEqual(["float", 8]);
    expect(weights.filter(({ found }) => found === "float")).toHaveLength(
      Object.keys(shapes).filter((name) => /^[a-d]\.weight/.test(name)).length,
    );
    const convolutions = program.ops.filter(({ kind }) => kind === "conv2d" || kind === "dense");
    expect(convolutions.length).toBeGreaterThanOrEqual(weights.length);
    expect(await differences(conversion, file, text)).toEqual([]);
  });
});

describe("a float file of ONNX", () => {
  const weights = (name: string, dims: number[], seed: number) =>
    floatTensor(
      name,
      dims,
      numbers(
        seed,
        dims.reduce((a, b) => a * b),
      ),
    );
  const network = encodeModel(
    model(
      {
        name: "joined",
        node: [
          node("Conv", ["x", "a"], "ca", { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] }),
          node("Relu", ["ca"], "ra"),
          node("Conv", ["x", "b"], "cb", { kernel_shape: [1n, 1n] }),
          node("Concat", ["ra", "cb"], "joined", { axis: 1n }),
          node("Conv", ["joined", "c"], "cc", { kernel_shape: [1n, 1n] }),
          node("GlobalAveragePool", ["cc"], "mean"),
          node("Flatten", ["mean"], "flat"),
          node("Softmax", ["flat"], "y", { axis: 1n }),
        ],
        initializer: [weights("a", [2, 3, 3, 3], 1), weights("b", [3, 3, 1, 1], 2), weights("c", [4, 5, 1, 1], 3)],
        input: [valueInfo("x", ["N", 3, 4, 4])],
        output: [valueInfo("y", ["N", 4])],
      },
      { "": 13 },
      { name: "", version: "" },
    ),
  );
  const { graph } = readCheckpoint(network, { floats: "keep" });
  const { elements } = samplesOf(graph, 3);

  it("is joined behind the quantizer of both branches, and ends in its softmax", async () => {
    const conversion = await convert(network, { calibration: { inputs: [elements] } });
    expect(conversion.notes).toContainEqual(
      expect.stringContaining('join "Concat_joined" is computed behind quantizer'),
    );
    expect(await differences(conversion, network)).toEqual([]);
    const [float, int8] = [graph, conversion.checkpoint.graph].map((each) => evaluate(each, [elements], ROWS)[0]!);
    expect(float!.every((x, i) => Math.abs(x - int8![i]!) < 0.02)).toBe(true);
  });

  it("gives the same blob each time, and the index where that is asked for", async () => {
    const options = { calibration: { inputs: [elements] }, argmax: true };
    const [a, b] = [await convert(network, options), await convert(network, options)];
    expect(a.blob).toEqual(b.blob);
    const { notes } = await convert(network, { calibration: { inputs: [elements] } });
    const share = (all: string[]) => all.at(-1)!.match(/(\d+) of 20 samples keep/)![1];
    expect(share(a.notes)).toBe(share(notes)); // by the scores, not by their index
    expect(await differences(a, network)).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["no input", { inputs: [] }, "calibration: found 0 inputs, expected 1"],
    ["no row", { inputs: [new Float32Array(0)] }, "calibration: found 0 rows"],
    ["half a row", { inputs: [new Float32Array(24)] }, "calibration: found 0.5 rows"],
    [
      "other elements",
      { inputs: [new Float64Array(48)] },
      "calibration.inputs[0]: found Float64Array, expected a Float32Array",
    ],
    [
      "a number of a percentile that is none",
      { inputs: [elements], percentile: 50 },
      "calibration.percentile: found 50",
    ],
    ["NaN", { inputs: [new Float32Array(48).fill(Number.NaN)] }, "is NaN"],
  ])("refuses %s", async (_, calibration, message) => {
    const refused = convert(network, { calibration } as never);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });

  it("is asked for: a network with its own quantizers is none", async () => {
    const refused = convert(DIGITS, { calibration: { inputs: [new Float32Array(256)] } });
    await expect(refused).rejects.toThrow("the network has its own quantizers wherever it needs one");
  });

  it("keeps refusing what no quantizer mends", async () => {
    const odd = encodeModel(
      model(
        {
          name: "odd",
          node: [node("Conv", ["x", "a"], "ca", { kernel_shape: [3n, 3n] }), node("Erf", ["ca"], "y")],
          initializer: [weights("a", [2, 3, 3, 3], 1)],
          input: [valueInfo("x", ["N", 3, 4, 4])],
          output: [valueInfo("y", ["N", 2, 2, 2])],
        },
        { "": 13 },
        { name: "", version: "" },
      ),
    );
    await expect(convert(odd, { calibration: { inputs: [elements] } })).rejects.toThrow(UnsupportedError);
  });
});

describe("ranges", () => {
  const { arch, shapes } = NETWORKS["dense layers"]!;
  const { graph } = readCheckpoint(fileOf(tensorsOf(shapes)), { floats: "keep" }, JSON.stringify(arch));

  it("are those of the numbers that occur, or of a share of them", () => {
    const inputs = [Float32Array.from({ length: 12_000 }, (_, i) => (i === 7 ? 100 : i === 8 ? -50 : Math.sin(i)))];
    const [[least, greatest]] = calibrate(graph, { inputs }) as [Range];
    expect([least, greatest]).toEqual([-50, 100]);
    const [[low, high]] = calibrate(graph, { inputs, percentile: 99 }) as [Range];
    expect([low, high].map(Math.abs).every((x) => x > 0.95 && x <= 1)).toBe(true);
  });

  it("become codes of 8 bits with one for 0, from end to end", () => {
    for (const range of [
      [0, 6.25],
      [-1, 3],
      [-5, -1],
      [2, 4],
      [0, 0],
      [-1e-30, 1e30],
    ] as Range[]) {
      const quantizer = quantizerOver(range);
      const { min, max } = codeRange(quantizer);
      const of = (x: number) => quantize(quantizer, x, 0);
      expect([min, max]).toEqual([0, 255]);
      expect(dequantize(quantizer, of(0), 0)).toBe(0);
      const step = (Math.max(range[1], 0) - Math.min(range[0], 0)) / 255;
      for (const x of range) expect(Math.abs(dequantize(quantizer, of(x), 0) - x)).toBeLessThanOrEqual(step * 0.501);
    }
  });

  it("are kept in the blob as text, which is read again and checked", () => {
    const ranges: Range[] = [
      [-1.5, 2.25],
      [0, 0.123456],
    ];
    expect(parseRanges(rangesText(ranges))).toEqual(ranges);
    expect(parseRanges("")).toEqual([]);
    for (const text of ["1", "1 2 3", "2 1", "a b", "0 Infinity", "0 1,2 3", "NaN 1", "0 1, "])
      expect(() => parseRanges(text), text).toThrow(InputError);
    expect(() => toInt8(graph, [[0, 1]])).toThrow("ranges: found 1, expected 2");
  });

  it("keep all of a layer's weights within half a step of what they were", () => {
    const { nodes } = toInt8(graph, [
      [0, 1],
      [0, 1],
    ]);
    for (const [i, each] of nodes.filter((each) => each.op === "dense").entries()) {
      const { codes, scale, inputs } = each.weights;
      const before = graph.nodes.filter((node) => node.op === "dense")[i]!.weights;
      codes.forEach((code, at) => {
        const unit = scale[Math.floor(at / inputs)]!;
        expect(Math.abs(code)).toBeLessThanOrEqual(127);
        expect(Math.abs(code * unit - before.codes[at]!)).toBeLessThanOrEqual(unit * 0.5001);
      });
    }
  });
});
