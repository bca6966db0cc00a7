import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { convert } from "../../../host/convert.ts";
import { openOnDevice } from "../../../host/node.ts";
import { DATA, describeWith } from "../../data.ts";
import { ALL, describeBoards } from "../boards.ts";
import { featuresOf } from "./features.ts";

// The examples of tflite-micro on a board: what they answer there.

const at = (file: string) => join(DATA, "tflm", file);
const HELLO = at("hello_world_int8.tflite");
const SPEECH = at("micro_speech_quantized.tflite");
const PERSON = at("person_detect.tflite");
const WORDS = { yes: at("yes_1000ms.wav"), no: at("no_1000ms.wav") };
const PICTURES = { person: at("person.bmp"), "no person": at("no_person.bmp") };

const BOARD = "netduinoplus2";

/** The scores of rows on the board, with the arithmetic of tflite-micro. */
async function run(file: string, rows: Int8Array | Float32Array): Promise<Float32Array> {
  const { blob } = await convert(readFileSync(file), { kernels: "tflm", target: "cortex-m4" });
  const session = await openOnDevice(BOARD, { blob });
  try {
    return session.run([rows])[0]!.scores;
  } finally {
    session.dispose();
  }
}

/** The samples of a .wav file of one channel of int16: behind the word "data" and their size. */
function samplesOf(path: string): Int16Array {
  const bytes = new Uint8Array(readFileSync(path));
  const start = Buffer.from(bytes.buffer).indexOf("data") + 8;
  return new Int16Array(bytes.buffer.slice(start, start + 2 * 16_000));
}

/** The pixels of a .bmp file of 96 × 96 bytes, whose lowest line comes first, as tflite-micro's own test gives them: their very bytes as int8. */
function codesOf(path: string): Int8Array {
  const bytes = readFileSync(path);
  const start = bytes.readUInt32LE(10);
  return Int8Array.from({ length: 96 * 96 }, (_, i) => bytes[start + (95 - Math.floor(i / 96)) * 96 + (i % 96)]!);
}

const greatest = (scores: Float32Array) => scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));

describeBoards(
  "tflite-micro's examples",
  () => {
    describeWith([HELLO], "hello_world", () => {
      it("draws its sine", async () => {
        const angles = Float32Array.from({ length: 50 }, (_, i) => (i * 2 * Math.PI) / 50);
        const curve = await run(HELLO, angles);
        const errors = curve.map((y, i) => Math.abs(y - Math.sin(angles[i]!)));
        expect(Math.max(...errors)).toBeLessThan(0.15);
        expect(errors.reduce((a, b) => a + b) / errors.length).toBeLessThan(0.05);
      });
    });

    describeWith([SPEECH, ...Object.values(WORDS)], "micro_speech", () => {
      it("tells the two words apart", async () => {
        const features = Object.values(WORDS).map((path) => featuresOf(samplesOf(path)));
        const scores = await run(SPEECH, Int8Array.from(features.flatMap((each) => [...each])));
        // silence, unknown, yes, no
        expect([scores.subarray(0, 4), scores.subarray(4)].map(greatest)).toEqual([2, 3]);
        expect(Math.min(scores[2]!, scores[7]!)).toBeGreaterThan(0.7);
      });
    });

    if (!ALL) return; // its 7 million multiply-accumulates take long
    describeWith([PERSON, ...Object.values(PICTURES)], "person_detect", () => {
      it("tells the two pictures apart", async () => {
        const codes = Object.values(PICTURES).flatMap((path) => [...codesOf(path)]);
        const [notPerson, person] = [0, 1];
        const scores = await run(PERSON, Int8Array.from(codes));
        expect([scores.subarray(0, 2), scores.subarray(2)].map(greatest)).toEqual([person, notPerson]);
        expect([...scores]).toEqual([-113, 113, 57, -57].map((code) => (code + 128) / 256)); // as its interpreter gives them
      });
    });
  },
  [BOARD],
  ["wasm2c"],
);
