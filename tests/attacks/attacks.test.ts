import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { openWeights, readCheckpoint } from "../../host/checkpoint/index.ts";
import { convert } from "../../host/convert.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { ATTACKS, WHOLE } from "./attacks.ts";

const FILES = join(import.meta.dirname, "files");

if (process.env.TERN_ATTACKS === "write") {
  mkdirSync(FILES, { recursive: true });
  for (const [name, { make }] of Object.entries(ATTACKS)) writeFileSync(join(FILES, name), make());
}

/** Processor time and memory that one file may take. */
const MAX_SECONDS = 1;
const MAX_BYTES = 500e6;

/** Reads a file as its ending says. */
async function read(name: string, bytes: Uint8Array): Promise<unknown> {
  if (name.endsWith(".tern")) return readBlob(bytes);
  if (name.endsWith(".gguf")) return [...openWeights(bytes).tensors.values()].map((tensor) => tensor.read());
  if (/\.(tar|tar\.gz|tflite)$/.test(name)) return readCheckpoint(bytes);
  if (name.endsWith(".onnx")) return await convert(bytes);
  return readInput(bytes, name);
}

async function refusal(name: string, bytes: Uint8Array): Promise<Error> {
  try {
    await read(name, bytes);
  } catch (error) {
    if (error instanceof TernError) return error;
    throw error;
  }
  throw new Error(`${name} is taken`);
}

describe("the files of attacks/files", () => {
  it("are those of attacks.ts; TERN_ATTACKS=write writes them", () => {
    expect(readdirSync(FILES).sort()).toEqual(Object.keys(ATTACKS).sort());
    for (const [name, { make }] of Object.entries(ATTACKS)) {
      expect(Buffer.compare(readFileSync(join(FILES, name)), make()), name).toBe(0);
    }
  });

  it.each(Object.entries(ATTACKS))("%s is refused at once, with a reason", async (name, { says }) => {
    const bytes = new Uint8Array(readFileSync(join(FILES, name)));
    const [start, before] = [process.cpuUsage(), process.resourceUsage().maxRSS];
    expect((await refusal(name, bytes)).message).toContain(says);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(MAX_SECONDS);
    expect(1024 * (process.resourceUsage().maxRSS - before)).toBeLessThan(MAX_BYTES);
  });
});

describe.each(Object.entries(WHOLE))("%s", (name, make) => {
  it("is read", async () => {
    await read(name, make());
  });

  it("is refused where it ends early, at every byte", async () => {
    const bytes = make();
    const taken: number[] = [];
    for (let size = 0; size < bytes.length; size++) {
      await refusal(name, bytes.slice(0, size)).catch((error: Error) => {
        if (error.message !== `${name} is taken`) throw error;
        taken.push(size);
      });
    }
    // A message of protobuf has no length of its own: whole fields may be missing at the end, and what is left may be a network.
    if (name !== "whole.onnx") expect(taken).toEqual([]);
    else expect(taken.length).toBeLessThan(20);
  });
});
