import { describe, expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { STATUS, type Status } from "../../host/base/status.ts";
import { FORM, HEADER_BYTES, OP, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { WEIGHTS } from "../../host/blob/pack/pack.ts";
import { readBlob } from "../../host/blob/read.ts";
import { headBytesOf, writeBlob } from "../../host/blob/write.ts";
import type {
  ActivationDtype,
  Conv2dForm,
  Conv2dOp,
  PackingName,
  Program,
  WeightDtype,
  Window,
} from "../../host/program.ts";
import { conv2d } from "../../host/reference/conv2d.ts";
import { Random } from "../graph/random.ts";
import { expectReference } from "../module/agree.ts";
import { machine, seal } from "../module/machine.ts";
import {
  elements,
  inputsOf,
  programOf,
  requantize,
  smallLine,
  thresholds,
  WEIGHT_DTYPES,
  weights,
} from "../module/programs.ts";
import { describeModules, packingsOf } from "../variants.ts";
import { SQUARE, sizeOf, type WindowCase, windowOf } from "./windows.ts";

interface Shape extends WindowCase {
  /** Output channels. */
  outputs: number;
  groups?: number;
  pad?: number;
}

/** One convolution, whose sums are the output, or codes of `post`. */
function convolution(
  shape: Shape,
  dtype: WeightDtype,
  from: ActivationDtype,
  random: Random,
  options: {
    packing?: PackingName;
    form?: Conv2dForm;
    post?: Conv2dOp["post"];
    to?: ActivationDtype;
    tileChannels?: number;
  } = {},
  codes: number[] = [],
): Program {
  const { input, outputs, groups = 1, pad = 0 } = shape;
  const window = windowOf(shape);
  const { to = "i32", ...rest } = options;
  const op: Conv2dOp = {
    ...{ kind: "conv2d", inputs: [0], output: 1, window, groups, pad, dtype, ...rest },
    weights: weights(dtype, (outputs * window.kernelHeight * window.kernelWidth * input[2]) / groups, random),
  };
  op.weights.set(codes);
  return programOf(
    [
      [from, input],
      [to, [...sizeOf(shape), outputs]],
    ],
    [op],
  );
}

/** Every kind of edge: kernels, strides, dilations, groups, padding on each side alone, one row and one column, and channels around words. */
const SHAPES: Record<string, Shape> = {
  "3 × 3, padded": { input: [4, 5, 3], outputs: 5 },
  "3 × 3, padded below and to the right alone": {
    ...{
      input: [4, 4, 4],
      outputs: 3,
      window: { padTop: 0, padLeft: 0, strideY: 2, strideX: 2 },
      padBottom: 1,
      padRight: 1,
    },
  },
  "1 × 1": { input: [3, 3, 16], outputs: 17, window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 } },
  "1 × 1, stride 2": {
    ...{
      input: [5, 4, 33],
      outputs: 4,
      window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0, strideY: 2, strideX: 2 },
    },
  },
  "5 × 3, stride 1 × 3": { input: [6, 9, 2], outputs: 9, window: { kernelHeight: 5, strideX: 3, padTop: 2 } },
  "3 × 3, dilated": { input: [7, 6, 5], outputs: 2, window: { dilationY: 2, dilationX: 3, padTop: 2, padLeft: 3 } },
  "the whole picture": { input: [3, 4, 7], outputs: 6, window: { kernelWidth: 4, padTop: 0, padLeft: 0 } },
  "whole lines": { input: [4, 4, 4], outputs: 8, window: { kernelWidth: 4, padTop: 0, padLeft: 0 } },
  "a signal": { input: [1, 20, 3], outputs: 4, window: { kernelHeight: 1, kernelWidth: 5, padTop: 0, padLeft: 2 } },
  "one position": { input: [1, 1, 9], outputs: 3 },
};

const GROUPS: Record<string, Shape> = {
  "two groups": { input: [3, 4, 64], outputs: 6, groups: 2 },
  "groups of 32": { input: [3, 3, 96], outputs: 9, groups: 3, window: { strideY: 2 } },
};

/** Groups that words of bits cannot be in. */
const CODE_GROUPS: Record<string, Shape> = {
  depthwise: { input: [4, 4, 6], outputs: 6, groups: 6 },
  "depthwise, two for each": { input: [3, 5, 5], outputs: 10, groups: 5 },
  "depthwise in one column": {
    input: [7, 1, 16],
    outputs: 16,
    groups: 16,
    window: { kernelWidth: 1, padLeft: 0 },
  },
  "groups of 4": { input: [4, 3, 12], outputs: 18, groups: 3 },
};

/** Of one group for each channel: several outputs for each, channels around words, vectors and tiles, and windows inside the input and across its borders. */
const DEPTHWISE: Record<string, Shape> = {
  "3 × 3, padded": { input: [5, 6, 6], outputs: 6 },
  "of 16 channels": { input: [4, 5, 16], outputs: 16 },
  "of 40 channels": { input: [4, 4, 40], outputs: 40 },
  "of 33 channels, stride 2": { input: [7, 5, 33], outputs: 33, window: { strideY: 2, strideX: 2 } },
  "two for each": { input: [3, 5, 12], outputs: 24 },
  "three for each, in tiles that begin inside them": { input: [4, 4, 7], outputs: 21 },
  "seventeen for each": { input: [3, 4, 2], outputs: 34 },
  "nine for one": { input: [4, 4, 1], outputs: 9 },
  "not padded": { input: [4, 4, 24], outputs: 24, window: { padTop: 0, padLeft: 0 } },
  "padded below and to the right alone": {
    ...{ input: [4, 4, 9], outputs: 9, window: { padTop: 0, padLeft: 0, strideY: 2, strideX: 2 } },
    ...{ padBottom: 1, padRight: 1 },
  },
  "one column": { input: [7, 1, 16], outputs: 16 },
  "one column, by a kernel of one": { input: [7, 1, 18], outputs: 18, window: { kernelWidth: 1, padLeft: 0 } },
  "one row": { input: [1, 9, 20], outputs: 20 },
  "a signal": { input: [1, 20, 8], outputs: 8, window: { kernelHeight: 1, kernelWidth: 5, padTop: 0, padLeft: 2 } },
  "one position": { input: [1, 1, 17], outputs: 17 },
  "1 × 1": { input: [3, 3, 31], outputs: 31, window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 } },
  "5 × 3, stride 1 × 3": { input: [6, 9, 32], outputs: 32, window: { kernelHeight: 5, strideX: 3, padTop: 2 } },
  dilated: { input: [9, 8, 19], outputs: 19, window: { dilationY: 2, dilationX: 3, padTop: 2, padLeft: 3 } },
  "dilated, one column inside": { input: [5, 3, 8], outputs: 8, window: { dilationY: 2, padTop: 0, padLeft: 0 } },
  "the whole picture": { input: [3, 4, 7], outputs: 7, window: { kernelWidth: 4, padTop: 0, padLeft: 0 } },
};

function shapesFor(from: ActivationDtype): [string, Shape][] {
  return Object.entries({ ...SHAPES, ...GROUPS, ...(from === "bit" ? {} : CODE_GROUPS) });
}

describe("the definition", () => {
  const [from, to] = [
    { height: 2, width: 2, channels: 2 },
    { height: 2, width: 2, channels: 1 },
  ];
  const input = Int32Array.of(1, 10, 2, 20, 3, 30, 4, 40);
  const op = (window: Partial<Window>, codes: number[], rest: Partial<Conv2dOp> = {}): Conv2dOp => ({
    ...{ kind: "conv2d", inputs: [0], output: 1, window: { ...SQUARE, ...window }, groups: 1, pad: 0, dtype: "int8" },
    ...{ weights: Int8Array.from(codes), ...rest },
  });
  const small = { kernelHeight: 2, kernelWidth: 2, padTop: 0, padLeft: 0 };

  it("sums products tap by tap, the channels of each", () => {
    const output = new Int32Array(1);
    conv2d(op(small, [1, 0, 0, 1, 2, 0, 0, 2]), [input], output, [from], { ...to, height: 1, width: 1 });
    expect([...output]).toEqual([1 + 20 + 2 * 3 + 2 * 40]);
  });

  it("takes the code of padding outside", () => {
    const output = new Int32Array(4);
    conv2d(
      op({ ...small, padTop: 1, padLeft: 1 }, [1, 1, 1, 1, 1, 1, 1, 1], { pad: 100 }),
      [input],
      output,
      [from],
      to,
    );
    expect([...output]).toEqual([611, 433, 444, 110]);
  });

  it("keeps groups apart", () => {
    const output = new Int32Array(2);
    const whole = { height: 1, width: 1, channels: 2 };
    conv2d(op(small, [1, 1, 1, 1, 2, 2, 2, 2], { groups: 2 }), [input], output, [from], whole);
    expect([...output]).toEqual([10, 200]);
  });
});

describeModules("conv2d", (engine, module) => {
  const packings = packingsOf(module);
  const pairs = WEIGHT_DTYPES.flatMap((dtype) =>
    WEIGHTS[dtype].packings
      .filter(({ name }) => packings.includes(name))
      .flatMap(({ name }) => inputsOf(dtype).map((from) => [dtype, name, from] as const)),
  );

  it.each(pairs)("of %s in %s × %s is the reference's, for every shape", async (dtype, packing, from) => {
    for (const [name, shape] of shapesFor(from)) {
      const random = new Random(name.length);
      const [pad, tileChannels] = [from === "bit" ? 0 : from === "u8" ? random.int(0, 255) : random.int(-128, 127), 16];
      const whole = random.chance(0.5) ? {} : { tileChannels };
      const program = convolution({ ...shape, pad }, dtype, from, random, { packing, ...whole });
      const count = shape.input.reduce((a, b) => a * b);
      const batches = [1, 3].map((rows) => [elements(from, rows * count, random)]);
      await expectReference(program, engine, module, batches);
    }
  });

  /** Lines of whole strips of 16 positions, and nearly, whose windows are a position apart: what tables of four inputs take (assembly/ops/quads.ts), and what they do not. */
  const LINES: Record<string, Shape> = {
    "3 × 3, padded": { input: [4, 16, 4], outputs: 33 },
    "3 × 3, not padded": { input: [4, 15, 36], outputs: 12, window: { padTop: 0, padLeft: 0 } },
    "3 × 3, padded above and to the left alone": {
      ...{ input: [2, 28, 68], outputs: 11, window: { padTop: 2, padLeft: 2 }, padBottom: 0, padRight: 0 },
    },
    "3 × 3, padded below and to the right alone": {
      ...{ input: [3, 31, 8], outputs: 12, window: { padTop: 0, padLeft: 0 }, padBottom: 2, padRight: 2 },
    },
    "1 × 1": { input: [1, 13, 68], outputs: 98, window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 } },
    "1 × 9, wider than a window of sums": {
      ...{ input: [2, 30, 32], outputs: 11, window: { kernelHeight: 1, kernelWidth: 9, padTop: 0, padLeft: 4 } },
    },
    "5 × 2": { input: [6, 16, 12], outputs: 10, window: { kernelHeight: 5, kernelWidth: 2, padTop: 3, padLeft: 1 } },
    "in bands of channels": { input: [9, 44, 4], outputs: 70, window: { kernelHeight: 9, padTop: 4 } },
    "of one line": { input: [1, 32, 16], outputs: 40 },
    dilated: { input: [5, 16, 4], outputs: 33, window: { dilationY: 2, dilationX: 2, padTop: 2, padLeft: 2 } },
    "stride 2": { input: [5, 16, 4], outputs: 33, window: { strideX: 2 } },
    "lines of 11": { input: [3, 11, 4], outputs: 33 },
  };

  const tabled = pairs.filter(([, packing]) => packing === "field2" && packings.includes("pair4"));
  it.each(tabled)("of %s in %s × %s, of long lines, is the reference's", async (dtype, packing, from) => {
    const { min, max } = WEIGHTS[dtype];
    const [least, greatest] = from === "u8" ? [0, 255] : [-128, 127];
    for (const [name, shape] of Object.entries(LINES)) {
      const random = new Random(name.length);
      const count = shape.input.reduce((a, b) => a * b);
      const rows = [...Array(count).fill(least), ...Array(count).fill(greatest), ...elements(from, count, random)];
      const records = Array.from({ length: shape.outputs }, () => ({ base: 0, up: [random.int(-900, 900), 999] }));
      for (const { pad, ...options } of [
        { pad: 0 },
        { pad: 0, tileChannels: 11, post: thresholds(...records), to: "u8" as const },
        { pad: 3 },
      ]) {
        const program = convolution({ ...shape, pad }, dtype, from, random, { packing, ...options });
        const { weights } = program.ops[0] as Conv2dOp;
        const columns = weights.length / shape.outputs;
        weights.fill(min, 0, columns).fill(max, columns, 2 * columns);
        await expectReference(program, engine, module, [[rows]], { ways: ["resident"] });
      }
    }
  });

  const SCATTERED: Record<string, Shape> = {
    "3 × 3, padded": { input: [5, 7, 16], outputs: 5 },
    "of even width, not padded": { input: [4, 6, 32], outputs: 9, window: { padTop: 0, padLeft: 0 } },
    "stride 2": { input: [6, 7, 16], outputs: 4, window: { strideY: 2, strideX: 2 } },
    "stride 3 × 2, padded below alone": {
      ...{ input: [7, 5, 16], outputs: 3, window: { strideY: 3, strideX: 2, padTop: 0, padLeft: 0 } },
      ...{ padBottom: 2, padRight: 1 },
    },
    "a stride above the kernel": {
      input: [6, 6, 16],
      outputs: 3,
      window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0, strideY: 4, strideX: 3 },
    },
    dilated: { input: [8, 7, 16], outputs: 2, window: { dilationY: 2, dilationX: 3, padTop: 2, padLeft: 3 } },
    "1 × 1": { input: [3, 3, 48], outputs: 17, window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 } },
    "5 × 1": { input: [9, 2, 16], outputs: 8, window: { kernelHeight: 5, kernelWidth: 1, padTop: 2, padLeft: 0 } },
    "one column": { input: [4, 1, 16], outputs: 3 },
    "one position": { input: [1, 1, 16], outputs: 3 },
  };

  const scattering = packings.includes("trit4") ? (["u8", "i8"] as const) : [];
  it.each(scattering)("scattered, of %s, is the reference's", async (from) => {
    for (const [name, shape] of Object.entries(SCATTERED)) {
      const random = new Random(name.length);
      const post = thresholds(
        ...Array.from({ length: shape.outputs }, () => ({ base: 0, up: [random.int(-900, 900), 99] })),
      );
      const count = shape.input.reduce((a, b) => a * b);
      const batches = [1, 3].map((rows) => [elements(from, rows * count, random)]);
      for (const options of [
        {},
        { tileChannels: 4 },
        { post, to: "u8" as const },
        { post, to: "bit" as const, tileChannels: 4 },
      ]) {
        const program = convolution(shape, "ternary", from, random, {
          packing: "trit4",
          form: "scatter",
          ...options,
        });
        await expectReference(program, engine, module, batches);
      }
    }
  });

  it.each(["u8", "i8"] as const)("in pairs, of %s, is the reference's, for every shape", async (from) => {
    for (const [name, shape] of shapesFor(from)) {
      const random = new Random(name.length);
      const pad = from === "u8" ? random.int(0, 255) : random.int(-128, 127);
      const lines = Array.from({ length: shape.outputs }, () =>
        smallLine(random.int(-20, 20), random.int(-500, 500), 8),
      );
      const post = requantize({ lo: -100, hi: 100, rounding: "half-even" }, ...lines);
      const count = shape.input.reduce((a, b) => a * b);
      const batches = [1, 3].map((rows) => [elements(from, rows * count, random)]);
      for (const options of [{}, { tileChannels: 16 }, { post, to: "i8" as const, tileChannels: 8 }]) {
        const program = convolution({ ...shape, pad }, "int8", from, random, { form: "pair", ...options });
        await expectReference(program, engine, module, batches);
      }
    }
  });

  const codePairs = WEIGHT_DTYPES.flatMap((dtype) => (["u8", "i8"] as const).map((from) => [dtype, from] as const));
  it.each(codePairs)("depthwise, of %s × %s in tap8, is the reference's, for every shape", async (dtype, from) => {
    for (const [name, shape] of Object.entries(DEPTHWISE)) {
      const random = new Random(name.length);
      const pad = random.pick([0, from === "u8" ? random.int(0, 255) : random.int(-128, 127)]);
      const whole = random.chance(0.5) ? {} : { tileChannels: 16 };
      const options = { packing: "tap8", ...whole } as const;
      const program = convolution({ ...shape, pad, groups: shape.input[2] }, dtype, from, random, options);
      const count = shape.input.reduce((a, b) => a * b);
      const ends = Array.from({ length: count }, (_, i) => (from === "u8" ? (i % 2) * 255 : (i % 2) * 255 - 128));
      const batches = [elements(from, count, random), elements(from, 3 * count, random), ends];
      await expectReference(
        program,
        engine,
        module,
        batches.map((batch) => [batch]),
      );
    }
  });

  it.each(["u8", "i8", "bit"] as const)("depthwise with posts to %s", async (to) => {
    const random = new Random(4);
    for (const outputs of [10, 20, 70]) {
      const records = Array.from({ length: outputs }, () => ({ base: random.int(-1, 0), up: [random.int(-300, 300)] }));
      const lines = Array.from({ length: outputs }, () => smallLine(random.int(-20, 20), random.int(-500, 500), 8));
      const posts = [
        thresholds(...records),
        thresholds(records[0]!),
        ...(to === "bit" ? [] : [requantize({ lo: 0, hi: 100, rounding: "half-even" }, ...lines)]),
      ];
      for (const post of posts) {
        const shape: Shape = { input: [5, 4, 10], outputs, groups: 10 };
        for (const tiles of [{}, { tileChannels: 16 }]) {
          const program = convolution(shape, "int4", "u8", random, { packing: "tap8", post, to, ...tiles });
          await expectReference(program, engine, module, [
            [elements("u8", 200, random)],
            [elements("u8", 800, random)],
          ]);
        }
      }
    }
  });

  it.each([
    ["u8", [255, 255]],
    ["u8", [0, 255]],
    ["u8", [255, 0]],
    ["i8", [-128, -128]],
    ["i8", [-128, 127]],
    ["i8", [127, -128]],
  ] as const)("in pairs, of the greatest sums that %s %j of two rows give, is the reference's", async (from, codes) => {
    const program = convolution(
      {
        ...{ input: [2, 1, 200], outputs: 3 },
        window: { kernelHeight: 1, kernelWidth: 1, padTop: 0, padLeft: 0 },
      },
      "int8",
      from,
      new Random(1),
      { form: "pair" },
    );
    const [op] = program.ops as [Conv2dOp];
    op.weights.fill(127, 0, 200).fill(-128, 200, 400);
    await expectReference(program, engine, module, [[codes.flatMap((code) => Array<number>(200).fill(code))]]);
  });

  it.each<[string, WeightDtype, number, Status]>([
    ["int8 in pairs", "int8", FORM.pair, "Ok"],
    ["int8 scattered", "int8", FORM.scatter, "BadOp"],
    ["int4 in pairs", "int4", FORM.pair, "BadOp"],
    ["int4 scattered", "int4", FORM.scatter, "BadOp"],
    ["int8 in a form that does not exist", "int8", 3, "BadOp"],
    ["int8 in the last form", "int8", 255, "BadOp"],
  ])("%s: the module and the reader agree", async (_, dtype, form, status) => {
    const program = convolution({ input: [3, 3, 16], outputs: 4 }, dtype, "u8", new Random(1));
    const blob = writeBlob(program);
    blob[HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES + OP.form] = form;
    seal(blob, headBytesOf(program, 1), 1);
    const at = await machine(engine, module);
    at.memory().set(blob, 16);
    const planned = at.plan(16, blob.length, 1);
    if (status === "Ok") expect(planned).toBeGreaterThan(0);
    else expect(STATUS[-planned]).toBe(status);
    const read = () => readBlob(blob);
    if (status === "Ok") expect(read).not.toThrow();
    else expect(read).toThrow(BlobError);
  });

  it.each(["u8", "i8", "bit"] as const)("with posts to %s", async (to) => {
    const random = new Random(3);
    const records = Array.from({ length: 10 }, () => ({
      base: random.int(-1, 0),
      up: [random.int(-300, 300)],
      down: [],
    }));
    const lines = Array.from({ length: 10 }, () => smallLine(random.int(-20, 20), random.int(-500, 500), 8));
    const posts = [
      thresholds(...records),
      thresholds(records[0]!),
      ...(to === "bit" ? [] : [requantize({ lo: 0, hi: 100, rounding: "floor" }, ...lines)]),
    ];
    for (const post of posts) {
      const shape: Shape = { input: [5, 4, 7], outputs: 10 };
      const program = convolution(shape, "ternary", "u8", random, { post, to, tileChannels: 8 });
      await expectReference(program, engine, module, [[elements("u8", 140, random)], [elements("u8", 700, random)]]);
    }
  });
});

describe("the reader refuses", () => {
  const random = new Random(1);
  const good = convolution({ input: [4, 4, 6], outputs: 4, groups: 2 }, "int4", "u8", random);
  const changed = (change: (op: Conv2dOp, program: Program) => void): Program => {
    const program = structuredClone(good);
    change(program.ops[0] as Conv2dOp, program);
    return program;
  };
  it.each<[string, Program, string]>([
    ["no kernel", changed(({ window }) => (window.kernelWidth = 0)), "at least 1 of each"],
    ["no stride", changed(({ window }) => (window.strideY = 0)), "at least 1 of each"],
    ["no dilation", changed(({ window }) => (window.dilationX = 0)), "at least 1 of each"],
    ["a kernel that spans too much", changed(({ window }) => (window.dilationY = 0xffff)), "a span below 2^16"],
    ["padding that no tap leaves", changed(({ window }) => (window.padLeft = 3)), "padding of at most 2"],
    ["windows behind the input", changed(({ window }) => (window.strideY = 5)), "windows that overlap"],
    [
      "groups inside words of bits",
      convolution({ input: [3, 3, 6], outputs: 4, groups: 2 }, "binary", "bit", random),
      "multiple of 32",
    ],
    [
      "padding of bits with a code",
      convolution({ input: [3, 3, 6], outputs: 4, pad: 1 }, "binary", "bit", random),
      "expected 0",
    ],
    [
      "padding of what is scattered",
      convolution({ input: [3, 3, 16], outputs: 4, pad: 1 }, "ternary", "u8", random, {
        packing: "trit4",
        form: "scatter",
      }),
      "one group and 0",
    ],
    [
      "taps of half a strip, scattered",
      convolution({ input: [3, 3, 8], outputs: 4 }, "ternary", "u8", random, { packing: "trit4", form: "scatter" }),
      "a multiple of 16",
    ],
    [
      "other packings, scattered",
      convolution({ input: [3, 3, 16], outputs: 4 }, "ternary", "u8", random, { form: "scatter" }),
      "expected trit4",
    ],
    [
      "other packings, in pairs",
      convolution({ input: [3, 3, 16], outputs: 4 }, "int4", "u8", random, { form: "pair" }),
      "expected field8",
    ],
    [
      "tap8 of groups of two channels",
      convolution({ input: [3, 3, 6], outputs: 6, groups: 3 }, "ternary", "u8", random, { packing: "tap8" }),
      "expected codes in a group each",
    ],
    [
      "tap8 of a bit",
      convolution({ input: [3, 3, 1], outputs: 1 }, "binary", "bit", random, { packing: "tap8" }),
      "expected codes in a group each",
    ],
    [
      "tap8 in tiles of half a group",
      convolution({ input: [3, 3, 16], outputs: 16, groups: 16 }, "int8", "u8", random, {
        packing: "tap8",
        tileChannels: 8,
      }),
      "a multiple of 16",
    ],
    [
      "a weight that its dtype does not have",
      convolution({ input: [3, 3, 2], outputs: 2, groups: 2 }, "ternary", "u8", random, { packing: "tap8" }, [0, 2]),
      "is 2, expected -1 to 1",
    ],
    ["bits × ternary", convolution({ input: [3, 3, 6], outputs: 4 }, "ternary", "bit", random), "bit × binary"],
  ])("%s", (_, bad, why) => {
    const refused = () => readBlob(writeBlob(bad));
    expect(refused).toThrow(BlobError);
    expect(refused).toThrow(why);
  });

  it.each([0, 4])("%i groups", (groups) => {
    const blob = writeBlob(good);
    const record = HEADER_BYTES + PART_BYTES + 2 * TENSOR_BYTES;
    new DataView(blob.buffer).setUint16(record + OP.groups, groups, true);
    expect(() => readBlob(seal(blob, headBytesOf(good, 1), 1))).toThrow("as many in each");
  });
});
