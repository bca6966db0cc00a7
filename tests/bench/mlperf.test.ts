import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { fitTo } from "../../tools/bench/mlperf/fit.ts";
import { referenceOf } from "../../tools/bench/mlperf/networks.ts";
import { encode } from "../checkpoint/tflite/build.ts";
import { DATA, describeWith } from "../data.ts";
import { DIGITS } from "../digits.ts";
import { dsCnn, mobileNet } from "./mlperf_nets.ts";

const RESNET = join(DATA, "mlperf_tiny", "pretrainedResnet_quant.tflite");
const AUTOENCODER = join(DATA, "mlperf_tiny", "ad01_int8.tflite");
const PERSON = join(DATA, "tflm", "person_detect.tflite");

const nameOf = (file: Uint8Array) => referenceOf(readCheckpoint(file).graph)?.name;

it("networks are told by what they are", () => {
  expect(nameOf(encode(dsCnn()))).toBe("DS-CNN");
  expect(nameOf(encode(mobileNet()))).toBe("MobileNetV1 0.25");
  const other = dsCnn();
  other.operators.splice(1, 2); // a block less: of the same ends
  for (const operator of other.operators) operator.inputs = operator.inputs.map((index) => (index === 9 ? 3 : index));
  expect(nameOf(encode(other))).toBeUndefined();
  expect(nameOf(DIGITS)).toBeUndefined();
});

describeWith([RESNET, AUTOENCODER, PERSON], "files of others", () => {
  it("are told too", () => {
    const names = [RESNET, AUTOENCODER, PERSON].map((file) => nameOf(readFileSync(file)));
    expect(names).toEqual(["ResNet-8", "autoencoder", undefined]);
  });
});

it("goes where there is room", async () => {
  const board = readBoard("netduinoplus2");
  const { ram, blob } = board;
  const { blob: found, gathered } = await fitTo(board, DIGITS);
  expect(gathered).toBe(0);
  const small = { ...board, blob: { ...blob, bytes: found.length - 7 } };
  await expect(fitTo(small, DIGITS)).rejects.toThrow(new InputError("no room: 7 bytes of flash are missing"));
  const narrow = { ...board, ram: { ...ram, bytes: 4000 } };
  await expect(fitTo(narrow, DIGITS)).rejects.toThrow(/^no room: ram \d+, expected at least \d+$/);
});
