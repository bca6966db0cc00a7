import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { floatTensor, node } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import { decodeModel, encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { type Conversion, convert } from "../../host/convert.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { InputOptions } from "../../host/lower/input.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { loadReference } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import type { Elements } from "../../tools/inputs/input.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { readSamples } from "../../tools/inputs/samples.ts";
import { writeIdx } from "../../tools/train/data/idx.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS, TFC } from "../data.ts";
import { type PixelNet, pixelNet } from "../pixel_net.ts";
import { DIGITS, scratch, ternHere } from "../tools/tern.ts";
import { idat, ihdr, png } from "./png.ts";

const { path, put } = scratch();

const PIXELS = [0, 51, 102, 255];
const SHAPE = [1, 2, 2];
const npy = (elements: Elements) => writeNpy({ shape: SHAPE, ...elements });

/** The same four numbers, as far as a type holds them: 255 is −1 in i8. */
const FILES = {
  png: png(["IHDR", ihdr(2, 2, 8, 0)], ["IDAT", idat([0, 0, 51], [0, 102, 255])], ["IEND", []]),
  idx: writeIdx([1, 2, 2], Uint8Array.from(PIXELS)),
  u8: npy({ dtype: "u8", data: Uint8Array.from(PIXELS) }),
  i8: npy({ dtype: "i8", data: Int8Array.from(PIXELS) }),
  i16: npy({ dtype: "i16", data: Int16Array.from(PIXELS) }),
  i32: npy({ dtype: "i32", data: Int32Array.from(PIXELS) }),
  f32: npy({ dtype: "f32", data: Float32Array.from(PIXELS) }),
};

/** What a number of a file becomes: the real number x that the checkpoint takes. */
const MEANS = {
  e: (e: number) => e,
  "/255": (e: number) => Math.fround(e / 255),
  "/128": (e: number) => Math.fround(e / 128),
  "/32768": (e: number) => Math.fround(e / 32768),
  normal: (e: number) => Math.fround(Math.fround(Math.fround(e / 255) - 0.5) / 0.25),
};

const ints = { scale: 4, bits: 8, signed: true };
const MODELS: [string, PixelNet, InputOptions, string][] = [
  // the model, its options                                                                    png idx u8 i8 i16 i32 f32
  ["u8 / 255, read", { shape: SHAPE }, {}, "/255 /255 /255 no no no e"],
  ["u8, read", { shape: SHAPE, quant: { scale: 1, bits: 8 } }, {}, "e e e e e e e"],
  ["UINT8", { shape: [4], type: "UINT8", quant: { scale: 1, bits: 8 } }, {}, "e e e e e e e"],
  ["u8, normalized", { shape: SHAPE }, { mean: 0.5, std: 0.25 }, "normal normal normal no no no e"],
  ["u8 in a row, declared", { shape: [4] }, { scale: "1/255" }, "/255 /255 /255 no no no e"],
  ["INT8", { shape: SHAPE, type: "INT8", quant: ints }, {}, "no no e e e e e"],
  ["i8 / 128", { shape: SHAPE }, { dtype: "i8", scale: "1/128" }, "no no no /128 no no e"],
  ["INT16", { shape: SHAPE, type: "INT16", quant: ints }, {}, "e e e e e e e"],
  ["i16 / 32768", { shape: SHAPE }, { dtype: "i16" }, "/32768 /32768 no no /32768 no e"],
  ["f32", { shape: [4] }, {}, "/255 /255 e e e e e"],
  ["f32 of a picture", { shape: SHAPE }, { dtype: "f32" }, "/255 /255 e e e e e"],
  ["f32, a pixel's unit declared", { shape: SHAPE }, { dtype: "f32", scale: "1/255" }, "/255 /255 /255 e e e e"],
  ["f32, pixels read as 0 … 255", { shape: [4], quant: { scale: 1, bits: 8 } }, {}, "e e e e e e e"],
  ["INT32", { shape: SHAPE, type: "INT32", quant: ints }, {}, "e e e e e e e"],
];

describe.each(MODELS)("elements of a file for a model of %s", (_, net, input, row) => {
  const checkpoint = pixelNet(net);
  let conversion: Conversion;
  beforeAll(async () => {
    conversion = await convert(checkpoint, { input });
  });
  const cells = row.split(" ");
  it.each(Object.keys(FILES).map((file, i) => [file, cells[i]!]))("%s: %s", (file, cell) => {
    const name = put(`samples.${file}`, FILES[file as keyof typeof FILES]);
    const { program, blob } = conversion;
    if (cell === "no") {
      expect(() => readSamples(name, program)).toThrow(InputError);
      return;
    }
    const numbers = file === "i8" ? Int8Array.from(PIXELS) : PIXELS;
    const x = Float32Array.from(numbers, MEANS[cell as keyof typeof MEANS]);
    const { elements, meaning } = readSamples(name, program);
    const [expected] = evaluate(importOnnx(checkpoint).graph, [x], 1);
    const session = loadReference(blob);
    expect(session.run(elements)[0]!.scores).toEqual(expected);
    const sessions = { reference: session };
    expect(verify({ blob: program, checkpoint, sha256: "", sessions, inputs: [elements] }).differences).toEqual([]);
    if (elements instanceof Float32Array) expect(elements).toEqual(x);
    else expect(Array.from(elements)).toEqual(Array.from(numbers));
    expect(meaning).toMatch(/^samples\.\w+: (real numbers$|\w+ numbers as they are$|(pixels p|\w+ elements e), x = )/);
  });
});

it("integers that f32 does not hold are refused", async () => {
  const { program } = await convert(pixelNet({ shape: [4] }));
  const file = put("wide.npy", writeNpy({ shape: [4], dtype: "i32", data: Int32Array.of(0, 16777216, 16777217, 1) }));
  expect(() => readSamples(file, program)).toThrow("element 16777217 is no f32");
});

it("a blob without description says of integers what they are, and nothing of pixels", async () => {
  const { program } = await convert(pixelNet({ shape: [4] }));
  const { description: _, ...bare } = program;
  expect(readSamples(put("u8.npy", FILES.u8), bare).elements).toEqual(Float32Array.from(PIXELS));
  expect(() => readSamples(put("p.png", FILES.png), bare)).toThrow("no description that says what they stand for");
});

describe("random pictures", () => {
  const next = mulberry32(255);
  const below = (n: number) => Math.floor(next() * n);
  const normal = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  it.each<[string, PixelNet["before"], InputOptions, (p: number, plane: number) => number]>([
    ["pixels / 255", [], {}, (p) => Math.fround(p / 255)],
    ["divided in the graph", [["Div", 255]], {}, (p) => p],
    ["multiplied in the graph", [["Mul", Math.fround(1 / 255)]], {}, (p) => p],
    [
      "normalized in the graph",
      [
        ["Sub", normal.mean],
        ["Div", normal.std],
      ],
      {},
      (p) => Math.fround(p / 255),
    ],
    [
      "normalized by declaration",
      [],
      normal,
      (p, plane) => {
        const f32 = Math.fround;
        return f32(f32(f32(p / 255) - f32(normal.mean[plane]!)) / f32(normal.std[plane]!));
      },
    ],
  ])("in PNG and npy: %s", async (_, before, input, real) => {
    const [height, width] = [5, 4];
    const normalized = input.mean !== undefined || before?.[0]?.[0] === "Sub";
    const quant = normalized ? { scale: 0.021, bits: 8, signed: true } : { scale: 1 / 255, bits: 8 };
    const checkpoint = pixelNet({ shape: [3, height, width], before: before!, quant, outputs: 5 });
    const { blob, program } = await convert(checkpoint, { input });
    const session = loadReference(blob);
    const { graph } = importOnnx(checkpoint);
    for (let picture = 0; picture < 10; picture++) {
      const rgb = Uint8Array.from({ length: 3 * height * width }, () => below(256));
      const rows = Array.from({ length: height }, (_, y) => [0, ...rgb.subarray(3 * width * y, 3 * width * (y + 1))]);
      const file = put("p.png", png(["IHDR", ihdr(width, height, 8, 2)], ["IDAT", idat(...rows)], ["IEND", []]));
      const planes = Uint8Array.from(
        rgb,
        (_, i) => rgb[3 * (i % (height * width)) + Math.floor(i / (height * width))]!,
      );
      const array = put("p.npy", writeNpy({ shape: [3, height, width], dtype: "u8", data: planes }));
      const x = Float32Array.from(planes, (p, i) => real(p, Math.floor(i / (height * width))));
      const [expected] = evaluate(graph, [x], 1);
      for (const name of [file, array]) {
        expect(session.run(readSamples(name, program).elements)[0]!.scores).toEqual(expected);
      }
      expect(session.run(x)[0]!.scores).toEqual(expected);
    }
  });
});

it("every command says what elements stand for", async () => {
  const checkpoint = put("net.onnx", pixelNet({ shape: [1, 2, 2], before: [["Div", 255]] }));
  const model = path("net.tern");
  const images = put("pictures.idx", writeIdx([2, 2, 2], Uint8Array.from([...PIXELS, ...PIXELS])));
  const labels = put("labels.idx", writeIdx([2], Uint8Array.of(0, 1)));
  expect((await ternHere("convert", checkpoint, "-o", model)).stdout).toContain(
    "\ninput    x [1, 2, 2]: u8, x = e (read)\n",
  );
  expect((await ternHere("inspect", model)).stdout).toContain("\ninput    x [1, 2, 2]: u8, x = e (read)\n");
  const line = "pictures.idx: pixels p, x = p (read)\n";
  expect((await ternHere("run", model, images)).stdout).toContain(line);
  expect((await ternHere("eval", model, "--images", images, "--labels", labels)).stdout).toContain(line);
  const proof = (...more: string[]) => ternHere("verify", model, checkpoint, "--engine", "reference", ...more);
  expect(await proof("--inputs", images)).toMatchObject({ code: 0, stdout: expect.stringContaining(line) });
  expect((await proof()).stdout).toContain("seeded elements: u8, x = e (read)\n");
  expect(JSON.parse((await ternHere("inspect", model, "--json")).stdout).inputs[0]).toMatchObject({
    unit: { multiply: [1], divide: [1], mean: [0], std: [1] },
    basis: "read",
  });

  const declared = ["--input-scale", "1/255", "--mean=-0.1", "--std", "0.5"];
  const said = (await ternHere("convert", DIGITS, "-o", model, ...declared)).stdout;
  expect(said).toContain("\ninput    pixels [1, 16, 16]: u8, x = (e / 255 + 0.1) / 0.5 (declared)\n");
});

describeWith([TFC, MNIST_IMAGES, MNIST_LABELS], "TFC_1W1A reads 92.96 % of MNIST", () => {
  it.each<[string, string[], string]>([
    ["as u8 / 255, which its normalization says", [], "pixels p, x = p / 255 (read)"],
  ])("%s", async (_, options, meaning) => {
    const model = path("tfc.tern");
    expect(await ternHere("convert", TFC, "-o", model, ...options)).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await ternHere(
      "eval",
      model,
      "--images",
      MNIST_IMAGES,
      "--labels",
      MNIST_LABELS,
      "--workers",
      "1",
    );
    expect(stdout).toContain(meaning);
    expect(stdout).toContain("92.96 % right: 9,296 of 10,000");
  });

  it("also where the graph itself divides by 255", async () => {
    const file = decodeModel(readFileSync(TFC));
    const graph = file.graph!;
    const [input] = graph.input;
    const nodes = graph.node.map((each) => ({
      ...each,
      input: each.input.map((name) => (name === input!.name ? "scaled" : name)),
    }));
    const divided = {
      ...graph,
      node: [node("Div", [input!.name!, "by"], "scaled"), ...nodes],
      initializer: [...graph.initializer, floatTensor("by", [], [255])],
    };
    const model = path("divided.tern");
    const checkpoint = put("divided.onnx", encodeModel({ ...file, graph: divided }));
    expect(await ternHere("convert", checkpoint, "-o", model)).toMatchObject({ code: 0, stderr: "" });
    const pixels = readInput(readFileSync(MNIST_IMAGES), MNIST_IMAGES).data as Uint8Array;
    const images = put("t10k.npy", writeNpy({ shape: [10_000, 1, 28, 28], dtype: "u8", data: pixels }));
    for (const [file, meaning] of [
      [MNIST_IMAGES, "pixels p, x = p (read)"],
      [images, "u8 elements e, x = e (read)"],
    ]) {
      const { stdout } = await ternHere("eval", model, "--images", file!, "--labels", MNIST_LABELS, "--workers", "1");
      expect(stdout).toContain(meaning);
      expect(stdout).toContain("92.96 % right: 9,296 of 10,000");
    }
  });
});
