import { describe, expect, it } from "vitest";
import { InputError, UnsupportedError } from "../../host/base/errors.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { type ConvertOptions, convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { type Unit, unitText } from "../../host/numbers/unit.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { type PixelNet, pixelNet } from "../pixel_net.ts";

const ROW = [16];
const GREY = [1, 4, 4];
const COLOUR = [3, 2, 2];

const i8 = { scale: 1 / 128, bits: 8, signed: true };
const whole = { scale: 1, bits: 8 };

/** Dtype, unit and basis of the input, and what the notes say of it. */
async function decided(net: PixelNet, input?: ConvertOptions["input"]): Promise<[string, string[]]> {
  const { program, notes } = await convert(pixelNet(net), input ? { input } : {});
  const { unit, basis } = program.description!.inputs[0]!;
  return [
    `${program.tensors[program.inputs[0]!]!.dtype}, ${unitText(unit, "e")}, ${basis}`,
    notes.filter((note) => note.startsWith("input ")),
  ];
}

describe("what a checkpoint says of its input", () => {
  it.each<[string, PixelNet, string]>([
    ["a UINT8 input: elements are the numbers", { shape: ROW, type: "UINT8", quant: whole }, "u8, e, read"],
    ["also of a picture's shape", { shape: GREY, type: "UINT8", quant: whole }, "u8, e, read"],
    ["also where the graph divides", { shape: GREY, type: "UINT8", before: [["Div", 255]] }, "u8, e, read"],
    ["INT8", { shape: ROW, type: "INT8", quant: { ...i8, scale: 1 } }, "i8, e, read"],
    ["INT16", { shape: ROW, type: "INT16", quant: { ...i8, scale: 256 } }, "i16, e, read"],
    ["wider integers are real numbers", { shape: GREY, type: "INT32", quant: whole }, "f32, e, read"],
    ["INT64", { shape: ROW, type: "INT64", quant: whole }, "f32, e, read"],
    ["a quantizer of 0 … 1", { shape: GREY }, "u8, e / 255, read"],
    ["of 0 … 255", { shape: GREY, quant: whole }, "u8, e, read"],
    ["of 0 … 1 in 2 bits", { shape: GREY, quant: { scale: 1 / 3, bits: 2 } }, "u8, e / 255, read"],
    ["of 0 … 255 in 2 bits", { shape: GREY, quant: { scale: 85, bits: 2 } }, "u8, e, read"],
    ["a division by 255", { shape: GREY, before: [["Div", 255]] }, "u8, e, read"],
    ["a product with 1 / 255", { shape: GREY, before: [["Mul", Math.fround(1 / 255)]] }, "u8, e, read"],
    ["a division by 256", { shape: GREY, before: [["Div", 256]], quant: i8 }, "u8, e, read"],
    [
      "a normalization of 0 … 1",
      { shape: COLOUR, before: IMAGENET, quant: { ...i8, scale: 0.02 } },
      "u8, e / 255, read",
    ],
    [
      "of 0 … 255",
      { shape: COLOUR, before: [["Div", 255], ...IMAGENET], quant: { ...i8, scale: 0.02 } },
      "u8, e, read",
    ],
    ["with means of 0 … 255", { shape: COLOUR, before: IMAGENET_255, quant: { ...i8, scale: 0.02 } }, "u8, e, read"],
    [
      "MNIST's",
      {
        shape: GREY,
        before: [
          ["Sub", 0.1307],
          ["Div", 0.3081],
        ],
        quant: { ...i8, scale: 0.0223 },
      },
      "u8, e / 255, read",
    ],
    [
      "2x − 1 before a sign",
      {
        shape: GREY,
        before: [
          ["Mul", 2],
          ["Sub", 1],
        ],
        quant: "sign",
      },
      "u8, e / 255, read",
    ],
    [
      "the same after a division",
      {
        shape: GREY,
        before: [
          ["Div", 255],
          ["Mul", 2],
          ["Sub", 1],
        ],
        quant: "sign",
      },
      "u8, e, read",
    ],
    ["a row of numbers stays real", { shape: ROW }, "f32, e / 255, read"],
    ["features of one bit stay real", { shape: ROW, quant: { scale: 1, bits: 1 } }, "f32, e / 255, read"],
  ])("%s", async (_, net, expected) => {
    expect(await decided(net)).toEqual([expected, []]);
  });

  it.each<[string, PixelNet, string, RegExp]>([
    [
      "a quantizer of −1 … 1",
      { shape: GREY, quant: i8 },
      "u8, e / 255, assumed",
      /an element e stands for e \/ 255, which reaches 128 of 256 codes of "Quant_codes".*--input-scale 1 takes 0 … 255, --mean M --std D takes \(e \/ 255 − M\) \/ D/,
    ],
    [
      "one much wider: real numbers, and pixels by assumption",
      { shape: GREY, quant: { ...i8, scale: 0.03 } },
      "f32, e / 255, assumed",
      /a pixel p of a picture stands for p \/ 255, which reaches only 34 of 256 codes/,
    ],
    ["one of 0 … 15", { shape: GREY, quant: { scale: 1, bits: 4 } }, "f32, e / 255, assumed", /only 2 of 16 codes/],
    ["the sign itself", { shape: GREY, quant: "sign" }, "f32, e / 255, assumed", /only 1 of 2 codes/],
  ])("leaves open, so that convert says what it took: %s", async (_, net, expected, note) => {
    const [found, notes] = await decided(net);
    expect(found).toBe(expected);
    expect(notes).toEqual([expect.stringMatching(note)]);
  });
});

const IMAGENET: PixelNet["before"] & object = [
  ["Sub", [0.485, 0.456, 0.406]],
  ["Div", [0.229, 0.224, 0.225]],
];
const IMAGENET_255: PixelNet["before"] & object = [
  ["Sub", [123.675, 116.28, 103.53]],
  ["Div", [58.395, 57.12, 57.375]],
];

describe("what is declared", () => {
  it.each<[string, PixelNet, ConvertOptions["input"], string, number]>([
    ["holds", { shape: GREY, quant: i8 }, { scale: "1/128", mean: 1 }, "u8, e / 128 − 1, declared", 0],
    ["makes pixels of a row too", { shape: ROW }, { scale: "1/255" }, "u8, e / 255, declared", 0],
    [
      "reads the scale beside a mean",
      { shape: GREY, quant: i8 },
      { mean: 0.5, std: 0.5 },
      "u8, (e / 255 − 0.5) / 0.5, declared",
      0,
    ],
    [
      "also where it is 1",
      { shape: GREY, quant: i8 },
      { mean: 127.5, std: 127.5 },
      "u8, (e − 127.5) / 127.5, declared",
      0,
    ],
    ["keeps a dtype", { shape: GREY, quant: i8 }, { dtype: "f32", scale: 1 / 128 }, "f32, e · 0.0078125, declared", 0],
    ["warns of few codes", { shape: GREY }, { scale: 1 }, "u8, e, declared", 1],
    ["warns of one code", { shape: GREY, quant: "sign" }, { scale: "1/255" }, "u8, e / 255, declared", 1],
    [
      "goes by channel",
      { shape: COLOUR, quant: i8 },
      { mean: [0.5, 0.4, 0.3], std: 0.5 },
      "u8, (e / 255 − [0.5, 0.4, 0.3]) / 0.5, declared",
      0,
    ],
    ["a dtype alone declares no unit", { shape: GREY }, { dtype: "i16" }, "i16, e / 32768, assumed", 1],
    ["1 is what integers are", { shape: GREY, type: "UINT8", quant: whole }, { scale: 1 }, "u8, e, read", 0],
  ])("%s", async (_, net, input, expected, notes) => {
    const [found, { length }] = await decided(net, input);
    expect([found, length]).toEqual([expected, notes]);
  });

  it.each<[ConvertOptions["input"], RegExp]>([
    [{ scale: 0 }, /scale "0", expected a number other than 0/],
    [{ scale: "1/2/3" as "1/2" }, /scale "1\/2\/3", expected a number other than 0 or a quotient/],
    [{ scale: Number.NaN }, /scale "NaN"/],
    [{ std: 0 }, /std 0 of an input, expected a finite number other than 0/],
    [{ std: 1e-60 }, /std 1e-60 of an input/],
    [{ mean: Number.POSITIVE_INFINITY }, /mean Infinity of an input, expected a finite number/],
    [{ scale: 1e38 }, /beyond f32/],
    [{ mean: [1, 2] }, /2 means of an input, expected 1 or 3, one for each channel/],
    [{ std: [] }, /0 deviations of an input/],
  ])("refuses %j", async (input, message) => {
    const conversion = convert(pixelNet({ shape: COLOUR }), { input: input! });
    await expect(conversion).rejects.toThrow(InputError);
    await expect(conversion).rejects.toThrow(message);
  });

  it("refuses a scale of integers, in convert and in verify", async () => {
    const checkpoint = pixelNet({ shape: ROW, type: "UINT8", quant: whole });
    await expect(convert(checkpoint, { input: { scale: "1/255" } })).rejects.toThrow(/the checkpoint takes integers/);
    const { program: blob } = await convert(checkpoint);
    blob.description!.inputs[0]!.unit.divide = [255];
    expect(() => verify({ blob, checkpoint, sha256: "", sessions: {}, inputs: [new Uint8Array(16)] })).toThrow(
      /an element e of the blob stands for e \/ 255, but the checkpoint takes integers/,
    );
    const { program: next } = await convert(checkpoint); // a description is its owner's: what is done to one changes no other
    expect(next.description!.inputs[0]!.unit.divide).toEqual([1]);
  });
});

it("integer arithmetic before the Cast is refused: it wraps around", () => {
  const net: PixelNet = { shape: ROW, type: "UINT8", before: [["Sub", 128]] };
  expect(importOnnx(pixelNet(net)).graph.inputs[0]).toMatchObject({ integers: "u8" });
  const moved = pixelNet({ ...net, castLast: true });
  expect(() => importOnnx(moved)).toThrow(UnsupportedError);
  expect(() => importOnnx(moved)).toThrow(/Sub .*integer type, which wraps around.*a Cast to FLOAT before it/);
});

/** In f32, step by step, as PyTorch computes it. */
function normalize({ multiply, divide, mean, std }: Unit, element: number, plane: number): number {
  const one = (vector: number[]) => new Float32Array(vector)[vector.length === 1 ? 0 : plane]!;
  const scaled = new Float32Array([(element * one(multiply)) / one(divide)]);
  scaled[0]! -= one(mean);
  scaled[0]! /= one(std);
  return scaled[0]!;
}

it("elements, the real numbers that they stand for, and the checkpoint agree", async () => {
  const next = mulberry32(13);
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const sizes = { u8: [0, 255], i8: [-128, 127], i16: [-32768, 32767] } as const;
  for (let i = 0; i < 60; i++) {
    const shape = pick([ROW, GREY, COLOUR, [2, 3, 1, 2]]);
    const plane = shape[0]!;
    const some = (make: () => number) => pick([make(), Array.from({ length: plane }, make)]);
    const quant = pick([
      "sign",
      { scale: pick([1, 1 / 255, 0.02, 0.1]), bits: 2 + below(7), signed: next() < 0.5, zero: below(3) },
    ] as const);
    const before = pick([
      [],
      [["Div", 255]],
      [
        ["Mul", 2],
        ["Sub", 1],
      ],
      [
        ["Sub", plane === 3 ? [0.4, 0.5, 0.1] : 0.4],
        ["Div", 0.3],
      ],
    ] as const);
    const dtype = pick(["u8", "i8", "i16"] as const);
    const input = {
      dtype,
      scale: pick([1, "1/255", 0.01, -0.5] as const),
      mean: some(() => next()),
      std: some(() => 0.1 + next()),
    };
    const checkpoint = pixelNet({
      shape,
      quant: quant as PixelNet["quant"] & object,
      before: before.map(([op, by]) => [op, by as number]),
    });
    const { blob, program } = await convert(checkpoint, { input });

    const [min, max] = sizes[dtype];
    const channels = shape.reduce((a, b) => a * b, 1);
    const arrays = { u8: Uint8Array, i8: Int8Array, i16: Int16Array };
    const elements = new arrays[dtype](32 * channels).map(() => min + below(max - min + 1));
    const unit = program.description!.inputs[0]!.unit;
    const real = Float32Array.from(elements, (e, at) =>
      normalize(unit, e, Math.floor(((at % channels) * plane) / channels)),
    );
    const [expected] = evaluate(importOnnx(checkpoint).graph, [real], 32);
    const session = loadReference(blob);
    expect(session.run(elements)[0]!.scores).toEqual(expected);
    expect(session.run(real)[0]!.scores).toEqual(expected);
    const sessions = { reference: session };
    for (const inputs of [[elements], [real]]) {
      expect(verify({ blob: program, checkpoint, sha256: "", sessions, inputs }).differences).toEqual([]);
    }
  }
});
