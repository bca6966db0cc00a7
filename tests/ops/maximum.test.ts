import { describe, expect, it } from "vitest";
import { BlobError, UnsupportedError } from "../../host/base/errors.ts";
import { HEADER, OP, OP_KIND } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { byteTensor, floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { inspect } from "../../host/cost/inspect.ts";
import { v8 } from "../../host/engines/v8.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { lower } from "../../host/lower/lower.ts";
import { readModule } from "../../host/node.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { ActivationDtype, Program } from "../../host/program.ts";
import { maximum } from "../../host/reference/maximum.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { elements, programOf } from "../module/programs.ts";
import { describeModules } from "../variants.ts";

/** a and b → the greater. */
function maximumOf(a: ActivationDtype, b: ActivationDtype, output: ActivationDtype, channels: number): Program {
  return programOf(
    [
      [a, channels],
      [b, channels],
      [output, channels],
    ],
    [{ kind: "maximum", inputs: [0, 1], output: 2 }],
    { inputs: [0, 1] },
  );
}

it("is the greater element", () => {
  const output = new Int32Array(4);
  const [a, b] = [Int32Array.of(-128, 3, 255, 0), Int32Array.of(127, 3, -1, -1)];
  maximum({ kind: "maximum", inputs: [0, 1], output: 2 }, [a, b], output);
  expect([...output]).toEqual([127, 3, 255, 0]);
});

it.each([
  ["i8", "i8", "2 × 3 × i8"],
  ["i8", "u8", "3 × i8, 3 × u8"],
] as const)("of %s and %s is inspected as %s", async (a, b, text) => {
  const { layers } = await inspect(writeBlob(maximumOf(a, b, "u8", 3)), await readModule(), v8);
  expect(layers[0]).toMatchObject({ op: "maximum", input: text, output: "3 × u8" });
});

describeModules("maximum", (engine, module) => {
  const random = new Random(7);
  const bytes = ["u8", "i8"] as const;
  const cases = bytes.flatMap((a) => bytes.flatMap((b) => bytes.map((output) => [a, b, output] as const)));
  it.each(cases)("of %s and %s to %s is the reference's", async (a, b, output) => {
    for (const channels of [1, 15, 16, 17, 100]) {
      const batches = [1, 5].map((rows) => [a, b].map((dtype) => elements(dtype, rows * channels, random)));
      await expectReference(maximumOf(a, b, output, channels), engine, module, batches);
    }
  });

  it("of a tensor and itself is that tensor", async () => {
    const ops = [{ kind: "maximum" as const, inputs: [0, 0], output: 1 }];
    const same: [ActivationDtype, number][] = [
      ["i8", 9],
      ["i8", 9],
    ];
    await expectReference(programOf(same, ops), engine, module, [[elements("i8", 27, random)]]);
  });
});

describe("the reader refuses", () => {
  const program = maximumOf("u8", "i8", "i8", 3);
  it.each<[string, Program, string]>([
    ["bits", maximumOf("bit", "bit", "bit", 3), "expected codes in bytes"],
    ["accumulators", maximumOf("i32", "i32", "i32", 3), "expected codes in bytes"],
    ["a second input of more channels", widened(program, 1), "as many of each"],
    ["an output of more channels", widened(program, 2), "as many of each"],
  ])("%s", (_, bad, why) => {
    const blob = writeBlob(bad);
    expect(() => readBlob(blob)).toThrow(BlobError);
    expect(() => readBlob(blob)).toThrow(why);
  });

  it("a second input that does not exist", () => {
    const blob = writeBlob(program);
    const view = new DataView(blob.buffer);
    const at = Array.from(blob.keys()).find((i) => {
      return i % 4 === 0 && blob[i + OP.kind] === OP_KIND.maximum && view.getUint16(i + OP.output, true) === 2;
    })!;
    view.setUint16(at + OP.second, 3, true);
    view.setUint32(HEADER.crc, 0, true);
    expect(() => readBlob(blob)).toThrow(BlobError);
  });
});

/** The program with a tensor of one channel more. */
function widened(program: Program, tensor: number): Program {
  const tensors = program.tensors.map((each, t) => (t === tensor ? { ...each, channels: each.channels + 1 } : each));
  return { ...program, tensors };
}

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number, zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});

/** x → two layers of two channels, each with a quantizer → maximum → a layer. */
function maxout(a: Quantizer, b: Quantizer): Graph {
  const dense = (name: string, input: string, codes: number[]): Node => ({
    ...{ op: "dense", name, inputs: [input], output: name, channels: codes.length / 2 },
    weights: {
      name: "w",
      outputs: codes.length / 2,
      inputs: 2,
      codes: Int32Array.from(codes),
      scale: by(0.25),
      found: "bare",
    },
  });
  const quantize = (name: string, input: string, quantizer: Quantizer): Node => ({
    ...{ op: "quantize", name, inputs: [input], output: name, channels: 2, quantizer },
  });
  return {
    name: "maxout",
    inputs: [{ name: "x", shape: [2] }],
    nodes: [
      quantize("q", "x", int(0.125, 0, 8)),
      dense("y", "q", [1, -2, 3, 0]),
      dense("z", "q", [-1, 1, 2, 2]),
      quantize("a", "y", a),
      quantize("b", "z", b),
      { op: "maximum", name: "m", inputs: ["a", "b"], output: "m", channels: 2 },
      dense("out", "m", [1, -1, 1, 1]),
    ],
    outputs: ["out"],
  };
}

const SAMPLES = Float32Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(7 * i) * 12));

describe("a graph", () => {
  it.each<[string, Quantizer, Quantizer]>([
    ["signed codes", int(0.5), int(0.5)],
    ["unsigned codes", int(0.5, 0, 4, false), int(0.5, 0, 4, false)],
    ["signed and unsigned codes", int(0.5), int(0.5, 0, 8, false)],
    ["codes of ±1", { kind: "bipolar", scale: by(1) }, { kind: "bipolar", scale: by(1) }],
    ["codes beyond a signed byte", int(0.5, 100, 8, false), int(0.5, 100, 8, false)],
  ])("of %s computes what its program does", (_, a, b) => {
    const { program } = expectAgreement(maxout(a, b), SAMPLES, { input: { dtype: "f32" } });
    expect(program.ops.filter(({ kind }) => kind === "maximum")).toHaveLength(1);
  });

  it("means the greater number", () => {
    const graph = maxout(int(0.5), int(0.5));
    graph.outputs = ["a", "b", "m"];
    const [a, b, m] = evaluate(graph, [SAMPLES], 32);
    expect(m).toEqual(a!.map((x, i) => Math.max(x, b![i]!)));
  });

  it.each<[string, Quantizer, Quantizer, string]>([
    ["different scales", int(0.5), int(0.25), "the scales of its operands differ"],
    ["a negative scale", int(-0.5), int(-0.5), "are negative"],
    [
      "codes that a byte holds with different offsets",
      int(0.5, 100, 8, false),
      int(0.5, 0, 4),
      "counted from different",
    ],
  ])("of %s is refused", (_, a, b, why) => {
    const work = () => lower(maxout(a, b), OPTIONS);
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
  });

  it("of a scale per feature is refused before a layer, which sums them up", () => {
    const both: Quantizer = { ...int(0.5), scale: by(0.5, 2) };
    const graph = maxout(both, both);
    expect(() => lower(graph, OPTIONS)).toThrow('maximum "m" has one scale per feature');
    graph.nodes.pop();
    graph.outputs = ["m"];
    expectAgreement(graph, SAMPLES, { input: { dtype: "f32" } });
  });

  it("is refused for its own reason alone, however many maxima and layers read it", () => {
    const graph = maxout(int(0.5), int(0.25));
    const last = graph.nodes.pop()!;
    graph.nodes.push({ op: "maximum", name: "n", inputs: ["m", "a"], output: "n", channels: 2 });
    graph.nodes.push({ ...last, inputs: ["n"] });
    expect(() => lower(graph, OPTIONS)).toThrow(
      expect.objectContaining({
        reasons: [expect.objectContaining({ node: "m", why: expect.stringContaining("scales") })],
      }),
    );
  });

  it("of codes counted from different codes is converted once the advice is followed", () => {
    const relu = (zero: number) => {
      const graph = maxout(int(0.5, zero, 8, false), int(0.5, zero, 8, false)); // the same zero point and bits
      graph.nodes.splice(5, 0, {
        op: "step",
        name: "r",
        inputs: ["b"],
        output: "r",
        channels: 2,
        step: { kind: "relu" },
      });
      graph.nodes[6]!.inputs = ["a", "r"];
      return graph;
    };
    expect(() => lower(relu(200), OPTIONS)).toThrow("Instead: zero point 0 and at most 8 bits for both");
    expectAgreement(relu(0), SAMPLES, { input: { dtype: "f32" } });
  });

  it("of real numbers is refused", () => {
    const graph = maxout(int(0.5), int(0.5));
    graph.nodes[5]!.inputs[1] = "z";
    expect(() => lower(graph, OPTIONS)).toThrow('its operand "z" is no codes');
  });
});

describe("a file", () => {
  const constants = [
    floatTensor("s", [], [0.5]),
    floatTensor("t", [], [0.25]),
    floatTensor("zero", [], [0]),
    floatTensor("bits", [], [4]),
    floatTensor("two", [], [2]),
  ];
  const weights = (name: string, values: number[]) => [
    byteTensor(`${name}_codes`, "INT8", [2, 2], Uint8Array.from(values)),
    floatTensor(`${name}_scale`, [], [0.5]),
  ];
  const quant = (input: string, output: string, scale = "s") =>
    node("Quant", [input, scale, "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const layer = (name: string, input: string) => [
    node("DequantizeLinear", [`${name}_codes`, `${name}_scale`], `${name}_w`),
    node("MatMul", [input, `${name}_w`], name),
  ];
  const file = (...ends: ReturnType<typeof node>[]) =>
    encodeModel(
      model(
        {
          name: "maxout",
          node: [
            quant("x", "q"),
            ...layer("y", "q"),
            ...layer("z", "q"),
            quant("y", "a"),
            quant("z", "b"),
            ...ends,
            ...layer("out", "m"),
          ],
          initializer: [
            ...constants,
            ...weights("y", [1, 255, 2, 0]),
            ...weights("z", [0, 1, 255, 3]),
            ...weights("out", [1, 1, 255, 1]),
          ],
          input: [valueInfo("x", ["N", 2])],
          output: [valueInfo("out", [])],
        },
        { "": 13, "qonnx.custom_op.general": 1 },
        { name: "tests", version: "1" },
      ),
    );

  it("with Max of two values becomes one op, and is proven", async () => {
    const bytes = file(node("Max", ["a", "b"], "m"));
    const { blob } = await convert(bytes, { file: "maxout.onnx" });
    const program = readBlob(blob);
    expect(program.ops.map(({ kind }) => kind)).toContain("maximum");
    const sessions = { reference: loadReference(blob) };
    const { differences, samples } = verify({
      blob: program,
      checkpoint: bytes,
      sessions,
      inputs: [SAMPLES],
      sha256: "",
    });
    expect({ differences, samples }).toEqual({ differences: [], samples: 32 });
  });

  it("with Max of three values and a constant becomes two, and a bound", () => {
    const { graph } = importOnnx(file(quant("x", "c"), node("Max", ["a", "zero", "b", "c"], "n"), quant("n", "m")));
    expect(graph.nodes.filter(({ op }) => op === "maximum").map(({ inputs }) => inputs)).toEqual([
      ["a", "b"],
      [graph.nodes.find(({ op }) => op === "maximum")!.output, "c"],
    ]);
    expect(graph.nodes.find(({ output }) => output === "n")).toMatchObject({ op: "step", step: { kind: "max" } });
  });

  it("with Min of two values is refused", () => {
    expect(() => importOnnx(file(node("Min", ["a", "b"], "m")))).toThrow("Max instead of Min");
  });
});
