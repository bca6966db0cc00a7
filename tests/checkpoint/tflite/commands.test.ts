import { expect, it } from "vitest";
import { writeNpy } from "../../../tools/inputs/npy.ts";
import { idat, ihdr, png } from "../../inputs/png.ts";
import { scratch, ternHere } from "../../tools/tern.ts";
import { encode, type Net } from "./build.ts";
import { interpret } from "./interpreter.ts";

const { path, put } = scratch();

/** A picture of 2 × 2 codes x = (e + 128) · 1, as networks of pixels have them, and a convolution with a scale for each channel. */
const NET: Net = {
  tensors: [
    { name: "x", shape: [1, 2, 2, 1], scale: [1], zero: [-128] },
    { name: "w", shape: [2, 2, 2, 1], data: Int8Array.of(1, 2, 3, 4, -1, 2, -3, 4), scale: [0.25, 0.5], zero: [0, 0] },
    { name: "b", shape: [2], type: "INT32", data: Int32Array.of(5, -6), scale: [0.25, 0.5], zero: [0, 0] },
    { name: "y", shape: [1, 1, 1, 2], scale: [4], zero: [-20] },
  ],
  operators: [
    {
      op: "CONV_2D",
      inputs: [0, 1, 2],
      outputs: [3],
      options: { padding: 1, strideX: 1, strideY: 1, dilationX: 1, dilationY: 1 },
    },
  ],
  inputs: [0],
  outputs: [3],
};

const PIXELS = [0, 51, 102, 255];
const CODES = Int8Array.from(PIXELS, (p) => p - 128);
const SCORES = Array.from(interpret(NET, CODES).get(3)!, (q) => (q + 20) * 4);

const npy = (dtype: "i8" | "u8" | "f32", data: Int8Array | Uint8Array | Float32Array) =>
  put(`${dtype}.npy`, writeNpy({ shape: [1, 2, 2, 1], dtype, data } as Parameters<typeof writeNpy>[0]));

/** What a model makes of a file, and what it says of it. */
async function run(model: string, file: string) {
  const { stdout, stderr } = await ternHere("run", model, file, "--json");
  const { input, outputs } = stderr === "" ? JSON.parse(stdout) : { input: stderr, outputs: [] };
  return { input, scores: outputs[0]?.scores };
}

it("convert tells the scales of the file", async () => {
  const { stdout } = await ternHere("convert", put("net.tflite", encode(NET)), "-o", path("scales.tern"));
  expect(stdout).toContain("input    x [2, 2, 1], a picture [H, W, C]: i8, x = e + 128 (read)");
  expect(stdout).toContain("negative; × 0.25 … 0.5 per channel");
});

it("an int8 array holds its codes, an f32 one the real numbers, and run says so", async () => {
  const model = path("net.tern");
  await ternHere("convert", put("net.tflite", encode(NET)), "-o", model);
  expect(await run(model, npy("i8", CODES))).toEqual({
    input: "i8.npy: i8 elements e, x = e + 128 (read)",
    scores: SCORES,
  });
  expect(await run(model, npy("f32", Float32Array.from(PIXELS)))).toEqual({
    input: "f32.npy: real numbers",
    scores: SCORES,
  });
});

it("pixels are refused with a way to take them, which takes them", async () => {
  const file = put("net.tflite", encode(NET));
  const model = path("codes.tern");
  await ternHere("convert", file, "-o", model);
  const picture = put(
    "p.png",
    png(["IHDR", ihdr(2, 2, 8, 0)], ["IDAT", idat([0, 0, 51], [0, 102, 255])], ["IEND", []]),
  );
  const bytes = npy("u8", Uint8Array.from(PIXELS));
  for (const [name, found] of [
    [picture, "pixels are u8"],
    [bytes, "elements are u8"],
  ] as const) {
    const { input } = await run(model, name);
    expect(input).toContain(
      `${found}, expected i8 (x = e + 128) or f32 (real numbers). For pixels p, convert with --input u8 and`,
    );
  }
  await ternHere("convert", file, "-o", model, "--input", "u8", "--input-scale", "1");
  for (const name of [picture, bytes]) expect((await run(model, name)).scores).toEqual(SCORES);
  const [verified] = [await ternHere("verify", model, file, "--engine", "reference", "--inputs", picture)];
  expect(verified).toMatchObject({ code: 0 });
});
