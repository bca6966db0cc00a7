import { describe, expect, it } from "vitest";
import { CheckpointError, InputError } from "../../../host/base/errors.ts";
import { importOptions, readCheckpoint } from "../../../host/checkpoint/index.ts";
import { convert } from "../../../host/convert.ts";
import { loadReference } from "../../../host/run/session.ts";
import { pixelNet } from "../../pixel_net.ts";
import { scratch, ternHere } from "../../tools/tern.ts";
import { encode, type Net } from "./build.ts";
import { interpret } from "./interpreter.ts";

const { path, put } = scratch();

/** A dense layer whose sum −2 becomes −1/2: 0 where it is rounded once, with halves up, and −1 where a shift rounds them away from 0. */
const QUARTERED: Net = {
  tensors: [
    { name: "x", shape: [1, 1], scale: [1], zero: [0] },
    { name: "w", shape: [1, 1], data: Int8Array.of(1), scale: [1], zero: [0] },
    { name: "y", shape: [1, 1], scale: [4], zero: [0] },
  ],
  operators: [{ op: "FULLY_CONNECTED", inputs: [0, 1, -1], outputs: [2] }],
  inputs: [0],
  outputs: [2],
};

describe("kernels", () => {
  it.each([
    ["litert", 0],
    ["tflm", -4],
  ] as const)("%s: −2 in units of 4 is %i, and the blob keeps whose it is", async (kernels, y) => {
    const { blob, program } = await convert(encode(QUARTERED), { kernels });
    expect(program.description!.converter.choices).toEqual({ kernels });
    expect(Array.from(interpret(QUARTERED, [-2], kernels).get(2)!, (q) => 4 * q + 0)).toEqual([y]);
    expect(Array.from(loadReference(blob).run(Int8Array.of(-2))[0]!.scores)).toEqual([y]);
  });

  it("verify reads the file as the blob says", async () => {
    const [file, model] = [put("quartered.tflite", encode(QUARTERED)), path("quartered.tern")];
    await ternHere("convert", file, "-o", model, "--kernels", "tflm");
    expect(await ternHere("verify", model, file, "--engine", "reference")).toMatchObject({ code: 0 });
  });

  it("are of TensorFlow Lite files alone, and known by name", async () => {
    expect(() => readCheckpoint(pixelNet({ shape: [4] }), { kernels: "tflm" })).toThrow(CheckpointError);
    expect(() => importOptions({ kernels: "cmsis" })).toThrow(
      new InputError('kernels "cmsis", expected litert or tflm'),
    );
    await expect(convert(encode(QUARTERED), { kernels: "cmsis" as "tflm" })).rejects.toThrow("kernels");
  });
});
