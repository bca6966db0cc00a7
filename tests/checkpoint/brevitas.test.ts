import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convert } from "../../host/convert.ts";
import { verify } from "../../host/verify.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { disposeAll, openSessions } from "../sessions.ts";

// Networks that PyTorch and Brevitas trained, exported and ran (brevitas/export.py).

const FOLDER = join(import.meta.dirname, "brevitas");
const readFile = (name: string) => readFileSync(join(FOLDER, name));
const readNpy = (name: string) => readInput(readFile(name), name).data;

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".onnx"));
const pixels = readNpy("pixels.npy") as Uint8Array;
/** (48, 3, 8, 8), as PyTorch has them. */
const pictures = readNpy("pictures.npy") as Uint8Array;
const CHANNELS = 3;

/** Pictures with their channels last. */
function channelsLast(numbers: Uint8Array): Uint8Array {
  const positions = 64;
  return numbers.map((_, i) => {
    const [row, at] = [Math.floor(i / (CHANNELS * positions)), i % (CHANNELS * positions)];
    return numbers[(row * CHANNELS + (at % CHANNELS)) * positions + Math.floor(at / CHANNELS)]!;
  });
}

/** PyTorch adds floats in its own order. */
const TOLERANCE = 1e-5;

describe.each(FILES.filter((file) => !file.startsWith("one_bit_relu")))("%s", (file) => {
  it("computes PyTorch's scores, in every session", async () => {
    const checkpoint = readFile(file);
    const { blob, program } = await convert(checkpoint, { file });
    const inputs = program.description!.inputs[0]!.layout ? channelsLast(pictures) : pixels;
    const sessions = await openSessions(blob);
    const { sha256 } = program.description!.source;
    expect(verify({ blob: program, checkpoint, sha256, sessions, inputs: [inputs] }).differences).toEqual([]);

    const scores = sessions.reference!.run(inputs)[0]!.scores!;
    disposeAll(sessions);
    const theirs = readNpy(`${file.split(".")[0]}.scores.npy`) as Float32Array;
    expect(scores).toHaveLength(theirs.length);
    const largest = theirs.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
    const far = theirs.filter((score, i) => Math.abs(score - scores[i]!) > TOLERANCE * largest);
    expect(far).toEqual(new Float32Array(0));
  });
});

// The file is not the network: it has signs where the network has 0 and 1.
it.each(["one_bit_relu.onnx", "one_bit_relu.dynamo.onnx"])(
  "%s has quantizers that nothing reaches, and convert says so",
  async (file) => {
    const { notes } = await convert(readFile(file), { file });
    expect(notes).toHaveLength(3);
    expect(notes[0]).toContain("the checkpoint leaves open what it takes");
    for (const note of notes.slice(1)) expect(note).toContain("codes are the same for every input");
  },
);
