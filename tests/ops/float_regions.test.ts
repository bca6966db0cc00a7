import { describe, expect, it } from "vitest";
import { BlobError, InputError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { inspect } from "../../host/cost/inspect.ts";
import { v8 } from "../../host/engines/v8.ts";
import { readModule } from "../../host/node.ts";
import { fromOrderKey, orderKey } from "../../host/numbers/order.ts";
import type { ActivationDtype, FloatPost, Op, Program } from "../../host/program.ts";
import { runReference } from "../../host/reference/model.ts";
import { referenceBackend } from "../../host/run/backend.ts";
import { load, loadReference } from "../../host/run/session.ts";
import { numberCount } from "../../host/shape.ts";
import { Random } from "../graph/random.ts";
import { expectReference } from "../module/agree.ts";
import { ACTIVATIONS, FLOATS, floatPost, programOf, someFloats, type TensorOf, weights } from "../module/programs.ts";
import { describeModules, moduleNamed, packingsOf, runsFloats } from "../variants.ts";

// The ops of float regions: each by a definition in float64, all variants and engines beside the reference, and what readers refuse.

type Shape = [height: number, width: number, channels: number];
type Tensor = { shape: Shape; at(position: number, channel: number): number };

const POSITIONS = 3;
const shapeOf = (channels: number, positions = POSITIONS): Shape => [positions, 1, channels];

/** A post as its definition in float64. */
const posted = ({ records, scale, bias }: FloatPost, c: number, x: number, by = 1) =>
  x * by * scale[records === 1 ? 0 : c]! + bias[records === 1 ? 0 : c]!;
const total = (count: number, term: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => term(i)).reduce((a, b) => a + b, 0);

const GAIN = floatPost(5);
const MATRIX = someFloats(10);
const TABLE = someFloats(25);
const erf = (x: number) =>
  (2 / Math.sqrt(Math.PI)) * total(40, (n) => ((-1) ** n * x ** (2 * n + 1)) / (factorial(n) * (2 * n + 1)));
const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
const FUNCTIONS: Record<(typeof ACTIVATIONS)[number], (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
};
const normed = (x: Tensor, p: number, c: number, epsilon: number, mean: number) => {
  const channels = x.shape[2];
  const variance = total(channels, (i) => (x.at(p, i) - mean) ** 2) / channels;
  return (x.at(p, c) - mean) / Math.sqrt(variance + epsilon);
};
const mean = (x: Tensor, p: number) => total(x.shape[2], (i) => x.at(p, i)) / x.shape[2];

/** An op of f32 tensors, and its definition: the number at a position and channel of the output. */
interface Case {
  inputs: Shape[];
  output: Shape;
  op: Omit<Op, "inputs" | "output">;
  is(p: number, c: number, ...inputs: Tensor[]): number;
}

const CASES: Record<string, Case> = {
  float_linear: {
    inputs: [shapeOf(5)],
    output: shapeOf(2),
    op: { kind: "float_linear", floats: MATRIX, post: floatPost(2) } as Op,
    is: (p, c, x) =>
      posted(
        floatPost(2),
        c,
        total(5, (k) => MATRIX[5 * c + k]! * x!.at(p, k)),
      ),
  },
  layer_norm: {
    inputs: [shapeOf(5)],
    output: shapeOf(5),
    op: { kind: "layer_norm", epsilon: 0.125, post: GAIN } as Op,
    is: (p, c, x) => posted(GAIN, c, normed(x!, p, c, 0.125, mean(x!, p))),
  },
  "rms_norm without gain": {
    inputs: [shapeOf(5)],
    output: shapeOf(5),
    op: { kind: "rms_norm", epsilon: 0.125 } as Op,
    is: (p, c, x) => normed(x!, p, c, 0.125, 0),
  },
  ...Object.fromEntries(
    ACTIVATIONS.map((name): [string, Case] => [
      name,
      {
        inputs: [shapeOf(5)],
        output: shapeOf(5),
        op: { kind: "activation", function: name } as Op,
        is: (p, c, x) => FUNCTIONS[name](x!.at(p, c)),
      },
    ]),
  ),
  float_add: {
    inputs: [shapeOf(5), shapeOf(5)],
    output: shapeOf(5),
    op: { kind: "float_add" } as Op,
    is: (p, c, a, b) => a!.at(p, c) + b!.at(p, c),
  },
  float_mul: {
    inputs: [shapeOf(5), shapeOf(5)],
    output: shapeOf(5),
    op: { kind: "float_mul" } as Op,
    is: (p, c, a, b) => a!.at(p, c) * b!.at(p, c),
  },
  softmax: {
    inputs: [shapeOf(5)],
    output: shapeOf(5),
    op: { kind: "softmax" } as Op,
    is: (p, c, x) => Math.exp(x!.at(p, c)) / total(5, (i) => Math.exp(x!.at(p, i))),
  },
  "attention, two heads that share one of keys": {
    inputs: [shapeOf(4), shapeOf(2), shapeOf(2)],
    output: shapeOf(4),
    op: { kind: "attention", heads: 2, keyHeads: 1, scale: 0.75 } as Op,
    is(p, c, q, k, v) {
      const score = (t: number) => 0.75 * total(2, (i) => q!.at(p, 2 * (c >> 1) + i) * k!.at(t, i));
      const all = total(POSITIONS, (t) => Math.exp(score(t)));
      return total(POSITIONS, (t) => (Math.exp(score(t)) / all) * v!.at(t, c & 1));
    },
  },
  "positions, behind two more": {
    inputs: [shapeOf(5)],
    output: shapeOf(5, POSITIONS + 2),
    op: { kind: "positions", floats: TABLE } as Op,
    is: (p, c, x) => TABLE[5 * p + c]! + (p < 2 ? 0 : x!.at(p - 2, c)),
  },
  patches: {
    inputs: [[2, 4, 2]],
    output: [1, 2, 8],
    op: { kind: "patches", height: 2, width: 2 } as Op,
    is: (p, c, x) => x!.at(4 * (c >> 2) + 2 * p + ((c >> 1) & 1), c & 1),
  },
  mean: {
    inputs: [shapeOf(5)],
    output: shapeOf(5, 1),
    op: { kind: "mean" } as Op,
    is: (_, c, x) => total(POSITIONS, (p) => x!.at(p, c)) / POSITIONS,
  },
  pick: {
    inputs: [shapeOf(5)],
    output: shapeOf(5, 1),
    op: { kind: "pick", position: 2 } as Op,
    is: (_, c, x) => x!.at(2, c),
  },
};

function programFor(inputs: [ActivationDtype, Shape][], output: [ActivationDtype, Shape], op: Case["op"]): Program {
  const indices = inputs.map((_, i) => i);
  const ops = [{ ...op, inputs: indices, output: inputs.length } as Op];
  return programOf([...inputs, output] as TensorOf[], ops, { inputs: indices });
}

describe("in float64", () => {
  it.each(Object.entries(CASES))("%s", (_, { inputs, output, op, is }) => {
    const random = new Random(3);
    const program = programFor(
      inputs.map((shape) => ["f32", shape]),
      ["f32", output],
      op,
    );
    const numbers = inputs.map((shape) =>
      Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => 4 * random.unit() - 2),
    );
    const found = runReference(program, numbers, 1).tensors.at(-1)!;
    const tensors = inputs.map((shape, i): Tensor => ({ shape, at: (p, c) => numbers[i]![p * shape[2] + c]! }));
    expect(found).toHaveLength(output[0] * output[1] * output[2]);
    for (const [i, key] of found.entries()) {
      const [p, c] = [Math.floor(i / output[2]), i % output[2]];
      expect(fromOrderKey(key), `position ${p}, channel ${c}`).toBeCloseTo(is(p, c, ...tensors), 5);
    }
  });

  it("quantize_rows: a scale before the codes of each position, halves to even, and 0 for all of a position without numbers", () => {
    const op = { kind: "quantize_rows", levels: 127, epsilon: Math.fround(1e-5) } as Op;
    const program = programFor([["f32", shapeOf(4)]], ["scaled8", shapeOf(4)], op);
    // BitNet b1.58: 127 / 2.54 = 50, so −1.25 becomes −62.5
    const x = Float32Array.of(0.5, -1.25, 0.01, 2.54, 0, 0, -0, 0, -254, 127, 1, 3);
    const found = runReference(program, [x], 1).tensors[1]!;
    const scales = [2.54 / 127, 1e-5 / 127, 2].map((scale, i) => [scale, fromOrderKey(found[5 * i]!)] as const);
    for (const [scale, key] of scales) expect(key / scale).toBeCloseTo(1, 6);
    const codes = [0, 5, 10].map((at) => [...found.subarray(at + 1, at + 5)]);
    expect(codes[0]).toEqual([25, -62, 0, 127]);
    expect(codes[1]).toEqual([0, 0, 0, 0]);
    expect(codes[2]).toEqual([-127, 64, 0, 2]); // 63.5, 0.5 and 1.5
  });

  it("linear: sums of codes, times the scale of the position and that of the channel", () => {
    const post: FloatPost = { kind: "float", records: 2, scale: Float32Array.of(0.5, -2), bias: Float32Array.of(0, 1) };
    const op = { kind: "linear", dtype: "ternary", weights: Int8Array.of(1, -1, 0, 0, 1, 1), post } as Op;
    const scaled = programFor([["scaled8", shapeOf(3, 2)]], ["f32", shapeOf(2, 2)], op);
    const backend = referenceBackend(scaled, 1);
    backend.write(0, [orderKey(0.25), 100, -20, 3, orderKey(4), 1, 2, -127], 1);
    backend.invoke(0, 1, 1);
    expect([...backend.read(1, 1)].map(fromOrderKey)).toEqual([15, 9.5, -2, 1001]);
    const plain = programFor([["i8", shapeOf(3, 2)]], ["f32", shapeOf(2, 2)], op);
    const found = runReference(plain, [Int8Array.of(100, -20, 3, 1, 2, -127)], 1).tensors[1]!;
    expect([...found].map(fromOrderKey)).toEqual([60, 35, -0.5, 251]);
  });

  it("dequantize: what a code stands for", () => {
    const post: FloatPost = { kind: "float", records: 1, scale: Float32Array.of(0.5), bias: Float32Array.of(-1) };
    const program = programFor([["i16", shapeOf(3, 1)]], ["f32", shapeOf(3, 1)], { kind: "dequantize", post } as Op);
    const found = runReference(program, [Int16Array.of(-32768, 0, 7)], 1).tensors[1]!;
    expect([...found].map(fromOrderKey)).toEqual([-16385, -1, 2.5]);
  });
});

describeModules("float regions", (engine, module) => {
  if (!runsFloats(module)) {
    it("are left out, and refused", async () => {
      const blob = writeBlob(Object.values(FLOATS)[0]!);
      await expect(load({ module, engine, blob })).rejects.toThrow("Unsupported");
    });
    return;
  }

  const random = new Random(11);
  const numbers = (count: number) => Array.from({ length: count }, () => Math.fround(8 * random.unit() - 4));
  it.each([1, 3, 4, 6, 17, 67])("have the reference's bits with %i channels and positions", async (size) => {
    const shape: Shape = [size, 1, size];
    const norm = { epsilon: 2 ** -17, post: floatPost(size) };
    const ops = [
      { kind: "float_linear", floats: someFloats(size * size), post: floatPost(size), tileChannels: 3 },
      { kind: "layer_norm", ...norm },
      { kind: "rms_norm", ...norm, tileChannels: 2 },
      ...ACTIVATIONS.map((name) => ({ kind: "activation", function: name })),
      { kind: "float_add" },
      { kind: "float_mul" },
      { kind: "softmax" },
      { kind: "attention", heads: 1, keyHeads: 1, scale: 0.5 },
      { kind: "positions", floats: someFloats(size * size) },
      { kind: "patches", height: size, width: 1, output: [1, 1, size * size] },
      { kind: "mean", output: [1, 1, size] },
      { kind: "pick", position: size - 1, output: [1, 1, size] },
    ] as unknown as (Case["op"] & { output?: Shape })[];
    const readers: Record<string, number> = { float_add: 2, float_mul: 2, attention: 3 };
    for (const { output = shape, ...op } of ops) {
      const count = readers[op.kind] ?? 1;
      const inputs = Array.from({ length: count }, () => ["f32", shape] as [ActivationDtype, Shape]);
      const batches = [1, 3].map((rows) => inputs.map(() => numbers(rows * size * size)));
      await expectReference(programFor(inputs, ["f32", output], op), engine, module, batches);
    }
  });

  it.each([3, 17, 100])("codes with scales meet weights of every dtype and packing, %i channels", async (size) => {
    for (const dtype of ["binary", "ternary", "int2", "int3", "int4", "int8"] as const) {
      const names = packingsOf(module).filter((name) => name !== "tap8" && name !== "trit4");
      for (const packing of [undefined, ...names]) {
        const positions = random.pick([1, 9]);
        const program = programOf(
          [
            ["f32", [positions, 1, size]],
            ["scaled8", [positions, 1, size]],
            ["f32", [positions, 1, 20]],
          ],
          [
            { kind: "quantize_rows", inputs: [0], output: 1, levels: 127, epsilon: 2 ** -17 },
            {
              ...{ kind: "linear", inputs: [1], output: 2, dtype, ...(packing && { packing }) },
              weights: weights(dtype, 20 * size, random),
              post: floatPost(random.pick([1, 20])),
            },
          ],
        );
        if (!canHold(program)) continue;
        await expectReference(
          program,
          engine,
          module,
          [1, 4].map((rows) => [numbers(rows * positions * size)]),
        );
      }
    }
  });
});

/** Whether the packing holds the weights. */
function canHold(program: Program): boolean {
  try {
    readBlob(writeBlob(program));
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

describe("the reader refuses", () => {
  const f32 = (channels: number, positions = POSITIONS): [ActivationDtype, Shape] => [
    "f32",
    shapeOf(channels, positions),
  ];
  const u8: [ActivationDtype, Shape] = ["u8", shapeOf(5)];
  const rows = { kind: "quantize_rows", levels: 127, epsilon: 1 };
  it.each<[string, [ActivationDtype, Shape][], [ActivationDtype, Shape], object, string]>([
    ["codes for quantize_rows", [u8], ["scaled8", shapeOf(5)], rows, "expected f32 → scaled8"],
    ["codes up to 128", [f32(5)], ["scaled8", shapeOf(5)], { ...rows, levels: 128 }, "expected 1 to 127"],
    ["an epsilon of 0", [f32(5)], ["scaled8", shapeOf(5)], { ...rows, epsilon: 0 }, "expected a finite number above 0"],
    ["an epsilon below 0", [f32(5)], f32(5), { kind: "layer_norm", epsilon: -1 }, "expected a finite number from 0 on"],
    ["a norm of other channels", [f32(5)], f32(4), { kind: "rms_norm", epsilon: 1 }, "as many of each"],
    ["floats for dequantize", [f32(5)], f32(5), { kind: "dequantize", post: GAIN }, "expected u8, i8, i16, i32"],
    [
      "codes for float_linear",
      [u8],
      f32(2),
      { kind: "float_linear", floats: MATRIX, post: floatPost(2) },
      "expected f32",
    ],
    [
      "floats for linear",
      [f32(5)],
      f32(2),
      { kind: "linear", dtype: "ternary", weights: new Int8Array(10), post: floatPost(2) },
      "expected u8, i8 or scaled8",
    ],
    [
      "weights in strips for linear",
      [u8],
      f32(2),
      { kind: "linear", dtype: "ternary", packing: "trit4", weights: new Int8Array(10), post: floatPost(2) },
      "packing trit4 of ternary",
    ],
    [
      "a linear of fewer positions",
      [u8],
      f32(2, 2),
      { kind: "linear", dtype: "ternary", weights: new Int8Array(10), post: floatPost(2) },
      "expected as many",
    ],
    ["a sum of codes", [u8, u8], f32(5), { kind: "float_add" }, "expected f32"],
    [
      "heads that do not divide",
      [f32(5), f32(5), f32(5)],
      f32(5),
      { kind: "attention", heads: 2, keyHeads: 2, scale: 1 },
      "whole heads",
    ],
    [
      "no heads",
      [f32(5), f32(5), f32(5)],
      f32(5),
      { kind: "attention", heads: 0, keyHeads: 0, scale: 1 },
      "whole heads",
    ],
    [
      "keys at other positions",
      [f32(4), f32(4, 2), f32(4)],
      f32(4),
      { kind: "attention", heads: 2, keyHeads: 2, scale: 1 },
      "whole heads",
    ],
    [
      "patches that do not fit",
      [f32(5)],
      f32(5, 1),
      { kind: "patches", height: 2, width: 1 },
      "whole patches of 2 × 1",
    ],
    [
      "fewer positions than there were",
      [f32(5)],
      f32(5, 2),
      { kind: "positions", floats: TABLE },
      "at as many positions or more",
    ],
    ["a mean at several positions", [f32(5)], f32(5), { kind: "mean" }, "one position of as many channels"],
    ["a position that is not there", [f32(5)], f32(5, 1), { kind: "pick", position: POSITIONS }, "but there are 3"],
  ])("%s", (_, inputs, output, op, why) => {
    const blob = writeBlob(programFor(inputs, output, op as Case["op"]));
    expect(() => readBlob(blob)).toThrow(BlobError);
    expect(() => readBlob(blob)).toThrow(why);
  });

  it("codes with scales as an output, and as an input", () => {
    const rows = programFor([f32(5)], ["scaled8", shapeOf(5)], {
      kind: "quantize_rows",
      levels: 127,
      epsilon: 1,
    } as Op);
    const op = { kind: "linear", dtype: "ternary", weights: new Int8Array(10), post: floatPost(2) } as Op;
    for (const program of [rows, programFor([["scaled8", shapeOf(5)]], f32(2), op)]) {
      expect(() => readBlob(writeBlob(program))).toThrow("is scaled8, expected an input or output of one number");
    }
  });

  it("weights that are not finite, and so does the writer", () => {
    const { inputs, output, op } = CASES.float_linear!;
    const at = (weight: number) =>
      programFor([["f32", inputs[0]!]], ["f32", output], { ...op, floats: MATRIX.with(3, weight) } as Op);
    for (const weight of [Number.NaN, Infinity]) expect(() => writeBlob(at(weight))).toThrow("expected finite numbers");
    expect(() => writeBlob(at(1))).not.toThrow();
  });

  it("fields that are none of f32, by the writer", () => {
    const op = { kind: "layer_norm", epsilon: 1e-5 } as Op;
    expect(() => writeBlob(programFor([f32(5)], f32(5), op))).toThrow("expected a finite f32");
  });
});

describe("sessions", () => {
  it("are shown every tensor, codes with their scales", async () => {
    const program = Object.values(FLOATS)[0]!;
    const blob = writeBlob(program);
    const input = Uint8Array.from({ length: 2 * 12 }, (_, i) => (i * 37) & 255);
    const seen = [loadReference(blob), await load({ module: await readModule(), engine: v8, blob })].map((session) => {
      const tensors: Int32Array[] = [];
      session.run(input, { see: (_, elements) => void tensors.push(elements) });
      session.dispose();
      return tensors;
    });
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]!.map(({ length }) => length)).toEqual(
      program.ops.map(({ output }) => 2 * numberCount(program.tensors[output]!)),
    );
  });

  it("are inspected", async () => {
    const { layers, macs } = await inspect(writeBlob(Object.values(FLOATS)[0]!), await readModule(), v8);
    expect(layers[5]).toMatchObject({ op: "linear", weights: "int8", packing: "field8", input: "3 × 1 × 4 × scaled8" });
    expect(layers[11]).toMatchObject({
      op: "float_linear",
      weights: "f32",
      packing: "f32",
      weightBits: 32,
      weightBytes: 48,
    });
    expect(macs).toBe(2 * 6 * 4 + 3 * (4 * 4 + 4 * 2 + 4 * 3));
  });
});

describe("builds without them", () => {
  it.each([
    ["core", 18_029],
    ["core_ternary", 3045],
    ["scalar_ternary_resident", 2048],
    ["scalar_ternary", 3747],
    ["scalar_binary", 4527],
    ["scalar_integers", 11_668],
  ])("%s takes no more than it did before there were any", (name, bytes) => {
    expect(moduleNamed(name).length).toBeLessThanOrEqual(bytes);
  });
});
