import { describe, expect, it } from "vitest";
import { BlobError, UnsupportedError } from "../../host/base/errors.ts";
import { STATUS } from "../../host/base/status.ts";
import { codeRanges } from "../../host/blob/code_range.ts";
import { HEADER, HEADER_BYTES, OP, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { commute, moveJoins } from "../../host/graph/commute.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Step } from "../../host/numbers/step.ts";
import type { ActivationDtype, Op, Program } from "../../host/program.ts";
import { concat } from "../../host/reference/concat.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { Random } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "../lower/agree.ts";
import { expectReference } from "../module/agree.ts";
import { machine, seal } from "../module/machine.ts";
import { elements, programOf, type TensorOf, thresholds } from "../module/programs.ts";
import { describeModules } from "../variants.ts";

const JOIN: Op = { kind: "concat", inputs: [0, 1], output: 2 };

/** a and b → both, at the positions of a picture. */
function joinOf(
  a: ActivationDtype,
  b: ActivationDtype,
  to: ActivationDtype,
  [first, second]: [number, number],
  [height, width] = [1, 1],
): Program {
  const picture = (dtype: ActivationDtype, channels: number): TensorOf => [dtype, [height, width, channels]];
  return programOf([picture(a, first), picture(b, second), picture(to, first + second)], [JOIN], { inputs: [0, 1] });
}

it("is the channels of the one, then those of the other, at every position", () => {
  const [height, width] = [1, 2];
  const output = new Int32Array(6);
  const shapes = [1, 2].map((channels) => ({ height, width, channels }));
  concat(
    { kind: "concat", inputs: [0, 1], output: 2 },
    [Int32Array.of(1, 2), Int32Array.of(3, 4, 5, 6)],
    output,
    shapes,
    { height, width, channels: 3 },
  );
  expect([...output]).toEqual([1, 3, 4, 2, 5, 6]);
});

describeModules("concat", (engine, module) => {
  const random = new Random(13);
  const bytes = ["u8", "i8"] as const;
  const cases = bytes.flatMap((a) => bytes.flatMap((b) => bytes.map((to) => [a, b, to] as const)));
  it.each(cases)("of %s and %s to %s is the reference's", async (a, b, to) => {
    for (const channels of [
      [1, 1],
      [4, 8],
      [3, 16],
      [33, 5],
    ] as [number, number][]) {
      for (const size of [
        [1, 1],
        [3, 2],
        [5, 7],
      ] as [number, number][]) {
        const program = joinOf(a, b, to, channels, size);
        const count = size[0] * size[1];
        const batches = [1, 5].map((rows) =>
          [a, b].map((dtype, i) => elements(dtype, rows * count * channels[i]!, random)),
        );
        await expectReference(program, engine, module, batches);
      }
    }
  });

  it("of a tensor and itself, and of what was joined, is the reference's", async () => {
    const ops: Op[] = [
      { kind: "concat", inputs: [0, 0], output: 1 },
      { kind: "concat", inputs: [1, 0], output: 2 },
    ];
    const program = programOf(
      [
        ["u8", [2, 2, 3]],
        ["u8", [2, 2, 6]],
        ["u8", [2, 2, 9]],
      ],
      ops,
    );
    await expectReference(program, engine, module, [[elements("u8", 24, random)]]);
  });
});

describe("the reader refuses", () => {
  const program = joinOf("u8", "i8", "i8", [3, 2], [2, 2]);
  it.each<[string, Program, string]>([
    ["bits", joinOf("bit", "bit", "bit", [32, 32]), "expected codes in bytes"],
    ["accumulators", joinOf("i32", "i32", "i32", [3, 2]), "expected codes in bytes"],
    ["an output of more channels", changed(program, 2, { channels: 6 }), "all channels of both"],
    ["an output of fewer channels", changed(program, 2, { channels: 4 }), "all channels of both"],
    ["another height", changed(program, 1, { height: 1 }), "at the same positions"],
    ["as many positions in another shape", changed(program, 1, { height: 1, width: 4 }), "at the same positions"],
    [
      "a post",
      {
        ...program,
        ops: [{ ...JOIN, post: thresholds({ base: 0, up: [1] }) } as unknown as Op],
      },
      "post thresholds, expected none",
    ],
  ])("%s", (_, bad, why) => {
    const blob = writeBlob(bad);
    expect(() => readBlob(blob)).toThrow(BlobError);
    expect(() => readBlob(blob)).toThrow(why);
  });
});

/** The program with one of its tensors changed. */
function changed(program: Program, tensor: number, fields: Partial<Program["tensors"][number]>): Program {
  const tensors = program.tensors.map((each, t) => (t === tensor ? { ...each, ...fields } : each));
  return { ...program, tensors };
}

it("its codes are in the range of both", () => {
  const quantize = (output: number, from: number): Op => ({
    ...{ kind: "quantize", inputs: [0], output },
    post: { kind: "lookup", table: Int16Array.from({ length: 256 }, (_, byte) => from + (byte & 1)) },
  });
  const program = programOf(
    [
      ["u8", 2],
      ["u8", 2],
      ["u8", 2],
      ["u8", 4],
      ["i8", 4],
    ],
    [
      quantize(1, 3),
      quantize(2, 200),
      { kind: "concat", inputs: [1, 2], output: 3 },
      { kind: "concat", inputs: [1, 2], output: 4 },
    ],
  );
  const ranges = codeRanges(program);
  expect([ranges(3), ranges(4)]).toEqual([
    [3, 201],
    [-128, 127], // they wrap around
  ]);
});

const by = (...values: number[]) => Float64Array.from(values);
const int = (scale: number[], zero = 0, bits = 4, signed = true): Quantizer => ({
  ...{ kind: "int", scale: by(...scale), zero: by(zero), bits, signed, narrow: false, rounding: "ROUND" },
});

type Draft = Partial<Node> & { op: Node["op"] };
const step = (each: Step): Draft => ({ op: "step", step: each });
const quantize = (quantizer: Quantizer): Draft => ({ op: "quantize", quantizer });

/** x, 2 × 2 × 2 → codes → `a`, and a convolution to 3 channels → `b`; both → concat → `behind`. */
function joined(a: Draft[], b: Draft[], behind: Draft[], last = true): Graph {
  const weights = (outputs: number, inputs: number) => ({
    ...{ name: "w", outputs, inputs, scale: by(0.25), found: "bare" as const },
    codes: Int32Array.from({ length: outputs * inputs }, (_, i) => ((i * 5) % 3) - 1),
  });
  const window = {
    ...{ kernelHeight: 1, strideY: 1, dilationY: 1, padTop: 0, padBottom: 0 },
    ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
  };
  const nodes: Node[] = [];
  const chain = (input: string, name: string, channels: number, drafts: Draft[]): string => {
    for (const draft of drafts) {
      const output = `${name}${nodes.length}`;
      nodes.push({ name: output, inputs: [input], output, channels, ...draft } as Node);
      input = output;
    }
    return input;
  };
  const codes = chain("x", "q", 2, [quantize(int([0.125], 0, 8))]);
  const convolve = (outputs: number): Draft => ({ op: "conv2d", window, groups: 1, weights: weights(outputs, 2) });
  const x = chain(codes, "a", 2, [convolve(2), ...a]);
  const y = chain(codes, "b", 3, [convolve(3), ...b]);
  nodes.push({ op: "concat", name: "join", inputs: [x, y], output: "j", channels: 5, first: 2 });
  const end = chain("j", "c", 5, behind);
  const dense: Draft = { op: "dense", weights: weights(3, 20), channels: 3 };
  const outputs = [last ? chain(end, "d", 3, [dense]) : end];
  return { name: "joined", inputs: [{ name: "x", shape: [2, 2, 2], layout: "chw" }], nodes, outputs };
}

const SAMPLES = Float32Array.from({ length: 128 }, (_, i) => Math.fround(Math.sin(7 * i) * 9));
const F32 = { input: { dtype: "f32" } } as const;
const bipolar: Quantizer = { kind: "bipolar", scale: by(0.5) };
const batchnorm: Step = {
  ...{ kind: "batchnorm", mean: by(0.3, -1, 0, 0.2, 1), variance: by(2, 0.5, 1, 1, 3), epsilon: 1e-5 },
  ...{ gamma: by(1.5, -0.7, 1, 0, 2), beta: by(0.1, -0.2, 0, 0.4, 0.3) },
};

describe("a graph", () => {
  it.each<[string, Quantizer, Quantizer, string]>([
    ["signed codes", int([0.5]), int([0.5], 0, 6), "i8"],
    ["unsigned codes", int([0.5], 0, 8, false), int([0.5], 0, 4, false), "u8"],
    ["signed codes, and unsigned ones of 7 bits", int([0.5], 0, 8), int([0.5], 0, 7, false), "i8"],
    ["±1, in bytes", bipolar, bipolar, "i8"],
    ["±1 and other codes", bipolar, int([0.5]), "i8"],
    ["codes beyond a signed byte", int([0.5], 300, 8, false), int([0.5], 300, 8, false), "u8"],
    ["codes counted from different codes", int([0.5], 300, 8, false), int([0.5], 0, 4, false), "u8"],
  ])("of %s computes what its program does", (_, a, b, dtype) => {
    const { program } = expectAgreement(joined([quantize(a)], [quantize(b)], []), SAMPLES, F32);
    const op = program.ops.find(({ kind }) => kind === "concat")!;
    expect(program.tensors[op.output]).toMatchObject({ dtype, height: 2, width: 2, channels: 5 });
  });

  it("means both values", () => {
    const graph = joined([quantize(int([0.5]))], [quantize(int([0.25]))], [], false);
    graph.outputs = graph.nodes.at(-1)!.inputs.concat("j");
    const [a, b, j] = evaluate(graph, [SAMPLES], 16) as [Float32Array, Float32Array, Float32Array];
    const expected = Array.from({ length: 64 }, (_, i) => [
      ...a.subarray(2 * i, 2 * i + 2),
      ...b.subarray(3 * i, 3 * i + 3),
    ]);
    expect([...j]).toEqual(expected.flat());
    expectAgreement(graph, SAMPLES, F32);
  });

  it("of different scales has a scale per channel, which layers do not sum up", () => {
    const graph = (...behind: Draft[]) => joined([quantize(int([0.5]))], [quantize(int([0.25]))], behind);
    expect(() => lower(graph(), OPTIONS)).toThrow('concat "join" has one scale per feature');
    expectAgreement(graph(quantize(int([0.5]))), SAMPLES, F32);
  });

  it("of codes that no byte holds is refused, and converts once the advice is followed", () => {
    const graph = (bits: number) => joined([quantize(int([0.5]))], [quantize(int([0.5], 0, bits, false))], []);
    expect(() => lower(graph(8), OPTIONS)).toThrow(UnsupportedError);
    expect(() => lower(graph(8), OPTIONS)).toThrow("codes above 127 and codes below 0");
    expectAgreement(graph(7), SAMPLES, F32);
  });

  it("of real numbers is refused for its own reason alone", () => {
    expect(() => lower(joined([quantize(int([0.5]))], [], []), OPTIONS)).toThrow(
      expect.objectContaining({
        reasons: [
          expect.objectContaining({ node: "join", why: expect.stringMatching(/^its operand "b\d" is no codes/) }),
        ],
      }),
    );
  });
});

describe("a quantizer behind a join", () => {
  it.each<[string, Draft[], Draft[], Draft[]]>([
    ["of sums", [], [], [quantize(int([0.5]))]],
    [
      "of codes of different scales",
      [quantize(int([0.5]))],
      [quantize(int([0.3], 0, 6))],
      [quantize(int([0.25], 1, 6))],
    ],
    [
      "of sums and codes, and steps that fall and rise",
      [],
      [quantize(int([0.5]))],
      [step(batchnorm), step({ kind: "relu" }), quantize(int([0.25], 0, 4, false))],
    ],
    [
      "of sums, with constants of its own",
      [step({ kind: "pow", by: by(2) })],
      [],
      [
        step({ kind: "add", by: by(1, 2, 3, 4, 5) }),
        quantize({ ...int([0.5, 1, 2, 3, 4]), zero: by(0, 1, 2, 3, 4) } as Quantizer),
        quantize(int([0.5])),
      ],
    ],
    ["of sums, which makes ±1", [], [], [step(batchnorm), quantize(bipolar)]],
  ])("%s is computed before it", (_, a, b, behind) => {
    const graph = joined(a, b, behind);
    const moved = moveJoins(graph);
    const quantizer = graph.nodes.findLast(({ op }) => op === "quantize")!;
    const first = behind.findIndex(({ op }) => op === "quantize");
    expect(moved.notes).toEqual([expect.stringMatching(/^join "join" is computed behind quantizer "c\d+"$/)]);
    expect(first).toBeGreaterThanOrEqual(0);
    const both = commute(graph).graph;
    const join = both.nodes.findLast(({ op }) => op === "concat")!;
    expect(join.output).toBe(quantizer.output);
    expectAgreement(both, SAMPLES, F32);
  });

  it("and one behind the same join, and an output that shows it: all stay what they are", () => {
    const graph = joined([quantize(int([0.5]))], [quantize(int([0.5]))], [quantize(int([1]))]);
    graph.nodes.push({
      op: "quantize",
      name: "other",
      inputs: ["j"],
      output: "other",
      channels: 5,
      quantizer: int([2]),
    });
    graph.outputs.push("other", "j");
    const { graph: moved, notes } = commute(graph);
    expect(notes).toHaveLength(2);
    expect(moved.nodes.filter(({ op }) => op === "concat").map(({ output }) => output)).toEqual(
      expect.arrayContaining(["j", "other"]),
    );
    expect(evaluate(moved, [SAMPLES], 16)).toEqual(evaluate(graph, [SAMPLES], 16));
    expectAgreement(moved, SAMPLES, F32);
  });

  it("goes before joins that are joined, and pools between", () => {
    const graph = joined([], [], []);
    const end = graph.nodes.pop()!;
    const window = {
      ...{ kernelHeight: 2, strideY: 1, dilationY: 1, padTop: 1, padBottom: 0 },
      ...{ kernelWidth: 1, strideX: 1, dilationX: 1, padLeft: 0, padRight: 0 },
    };
    graph.nodes.push(
      { op: "maxpool", name: "pool", inputs: ["j"], output: "p", channels: 5, window },
      { op: "concat", name: "again", inputs: ["p", "j"], output: "k", channels: 10, first: 5 },
      { op: "step", name: "half", inputs: ["k"], output: "h", channels: 10, step: { kind: "mul", by: by(0.5) } },
      { op: "quantize", name: "codes", inputs: ["h"], output: "c", channels: 10, quantizer: int([0.5]) },
    );
    graph.outputs = ["c"];
    expect(end.op).toBe("dense");
    const { graph: moved, notes } = commute(graph);
    expect(notes.join("\n")).toMatch(/"again"(.|\n)*"join"/);
    expectAgreement(moved, SAMPLES, F32);
  });

  const nested = (joins: number): Graph => {
    const graph = joined([], [], [], false);
    const a = graph.nodes.find(({ output }) => output.startsWith("a"))!.output;
    for (let i = 0; i < joins; i++) {
      const [input, output, channels] = [i === 0 ? "j" : `k${i - 1}`, `k${i}`, 7 + 2 * i];
      graph.nodes.push({ op: "concat", name: output, inputs: [a, input], output, channels, first: 2 });
    }
    const channels = 5 + 2 * joins;
    const end = { inputs: [`k${joins - 1}`], output: "end", channels, quantizer: int([0.5]) };
    graph.nodes.push({ op: "quantize", name: "q", ...end });
    graph.outputs = ["end"];
    return graph;
  };

  it("of 30 joins, one before the other, is computed before all of them", () => {
    expectAgreement(commute(nested(30)).graph, SAMPLES, F32);
  });

  it("of 3,000 is refused: no network has so many", () => {
    expect(() => lower(commute(nested(3000)).graph, OPTIONS)).toThrow("is no codes");
  });
});

describe("a file", () => {
  const quant = (input: string, output: string, scale = "s") =>
    node("Quant", [input, scale, "zero", "bits"], output, { signed: 1n, narrow: 0n, rounding_mode: "ROUND" });
  const conv = (input: string, output: string) => node("Conv", [input, "w"], output);
  const file = (shape: (number | string)[], ...nodes: ReturnType<typeof node>[]) =>
    encodeModel(
      model(
        {
          name: "joined",
          node: nodes,
          initializer: [
            ...[floatTensor("s", [], [0.5]), floatTensor("t", [], [0.25])],
            ...[floatTensor("zero", [], [0]), floatTensor("bits", [], [6])],
            floatTensor("w", [2, 2, 1, 1], [1, -1, 0, 1]),
            floatTensor("v", [2, 2], [1, -1, 0, 1]),
            floatTensor("per_channel", [4, 1, 1], [1, 2, 3, 4]),
            floatTensor("constant", [1, 2, 2, 3], new Array(12).fill(1)),
            floatTensor(
              "last",
              [24, 2],
              Array.from({ length: 48 }, (_, i) => ((i * 5) % 3) - 1),
            ),
          ],
          input: [valueInfo("x", shape)],
          output: [valueInfo("y", [])],
        },
        { "": 13, "qonnx.custom_op.general": 1 },
        { name: "tests", version: "1" },
      ),
    );
  const join = (inputs: string[], output: string, axis = 1n) => node("Concat", inputs, output, { axis });
  const PICTURE = ["N", 2, 2, 3];
  const two = [quant("x", "a"), conv("a", "c")];

  it.each<[string, (number | string)[], ReturnType<typeof node>[], number]>([
    ["codes of one scale", PICTURE, [...two, quant("c", "b"), join(["a", "b"], "y")], 1],
    ["five of them", PICTURE, [...two, quant("c", "b"), join(["a", "b", "a", "b", "b"], "y")], 4],
    [
      "sums and codes, behind which a quantizer stands",
      PICTURE,
      [...two, join(["a", "c"], "j"), node("Mul", ["j", "per_channel"], "m"), quant("m", "y", "t")],
      1,
    ],
    [
      "channels last",
      PICTURE,
      [
        ...two,
        quant("c", "b"),
        ...["a", "b"].map((name) => node("Transpose", [name], `${name}t`, { perm: [0n, 2n, 3n, 1n] })),
        join(["at", "bt"], "j", -1n),
        node("Transpose", ["j"], "y", { perm: [0n, 3n, 1n, 2n] }),
      ],
      1,
    ],
    [
      "pictures in one axis, channels first",
      PICTURE,
      [
        ...two,
        quant("c", "b"),
        ...["a", "b"].map((name) => node("Flatten", [name], `${name}f`)),
        join(["af", "bf"], "j"),
        node("MatMul", ["j", "last"], "y"),
      ],
      1,
    ],
    [
      "vectors",
      ["N", 2],
      [quant("x", "a"), node("MatMul", ["a", "v"], "c"), quant("c", "b"), join(["b", "a"], "y")],
      1,
    ],
  ])("of %s is read, and proven", async (_, shape, nodes, joins) => {
    const bytes = file(shape, ...nodes);
    const { blob, program } = await convert(bytes, { file: "joined.onnx" });
    expect(program.ops.filter(({ kind }) => kind === "concat")).toHaveLength(joins);
    const count = shape.slice(1).reduce<number>((product, size) => product * (size as number), 1);
    const inputs = [Float32Array.from({ length: 8 * count }, (_, i) => Math.fround(Math.sin(3 * i) * 5))];
    const { differences, samples } = verify({
      ...{ blob: program, checkpoint: bytes, sha256: "", inputs },
      sessions: { reference: loadReference(blob) },
    });
    expect({ differences, samples }).toEqual({ differences: [], samples: 8 });
  });

  it.each<[string, ReturnType<typeof node>[], string]>([
    ["positions", [...two, quant("c", "b"), join(["a", "b"], "y", 2n)], "it joins axis 2 of pictures [N, 2, 2, 3]"],
    ["rows", [...two, quant("c", "b"), join(["a", "b"], "y", 0n)], "it joins axis 0"],
    ["data and a constant", [...two, join(["a", "constant"], "y")], 'it joins constant "constant" to data'],
    [
      "pictures of different sizes",
      [...two, node("MaxPool", ["a"], "p", { kernel_shape: [2n, 1n] }), join(["a", "p"], "y")],
      "shapes [N, 2, 2, 3], [N, 2, 1, 3]",
    ],
    [
      "pictures in one axis, channels last",
      [
        ...two,
        ...["a", "c"].map((name) => node("Transpose", [name], `${name}t`, { perm: [0n, 2n, 3n, 1n] })),
        ...["at", "ct"].map((name) => node("Flatten", [name], `${name}f`)),
        join(["atf", "ctf"], "y"),
      ],
      "it joins axis 1 of pictures",
    ],
    [
      "different layouts",
      [
        ...two,
        node("Transpose", ["c"], "ct", { perm: [0n, 1n, 3n, 2n] }),
        node("Flatten", ["ct"], "r"),
        node("Flatten", ["a"], "f"),
        join(["f", "r"], "y"),
      ],
      "laid out differently",
    ],
  ])("that joins %s is refused", (_, nodes, why) => {
    expect(() => importOnnx(file(PICTURE, ...nodes))).toThrow(why);
  });
});

describeModules("concat of a hostile blob", (engine, module) => {
  const program = joinOf("u8", "u8", "u8", [3, 2], [2, 2]);
  it.each<[string, Program, (view: DataView, at: number) => void]>([
    ["whose output has fewer channels than its inputs", changed(program, 2, { channels: 4 }), () => {}],
    ["whose output has more channels than its inputs", changed(program, 2, { channels: 6 }), () => {}],
    ["whose second input has fewer positions", changed(program, 1, { height: 1 }), () => {}],
    ["whose second input is accumulators", changed(program, 1, { dtype: "i32" }), () => {}],
    ["whose output is accumulators", changed(program, 2, { dtype: "i32" }), () => {}],
    ["whose second input does not exist", program, (view, at) => view.setUint16(at + OP.second, 3, true)],
    ["with a post", program, (view, at) => view.setUint8(at + OP.post, 1)],
  ])("%s is refused", async (_, bad, change) => {
    const blob = writeBlob(bad);
    const view = new DataView(blob.buffer);
    change(view, HEADER_BYTES + PART_BYTES + bad.tensors.length * TENSOR_BYTES);
    view.setUint32(HEADER.arenaPerRow, 4096, true); // room for all
    seal(blob, view.getUint32(HEADER.headBytes, true), 1);
    const { memory, plan } = await machine(engine, module);
    memory().set(blob);
    expect(STATUS[-plan(0, blob.length, 1)]).toBe("BadOp");
  });
});
