import { describe, expect, it } from "vitest";
import { COUNTS, fuzz, type Name } from "./fuzz.ts";

/** Of the inputs of `npm run fuzz`, the suite takes this share, the first ones. */
const SHARE = 1 / 1000;

/** What comes of inputs must not be all one: a reader that refuses everything proves nothing. */
const WANTED: Record<Name, string> = {
  blobs: "equal everywhere",
  onnx: "imported",
  tflite: "imported",
  weights: "read, torch",
  pynq: "imported",
  npy: "read, npy",
  idx: "read, idx",
  png: "read, png",
  gzip: "read, npy",
  description: "used",
  selfTest: "read",
  uf2: "read",
};

describe.each(Object.entries(COUNTS) as [Name, number][])("hostile %s", (name, count) => {
  it("is refused with a typed error, soon, or means the same everywhere", async () => {
    const { outcomes, findings } = await fuzz(name, Array(Math.ceil(count * SHARE)).keys());
    expect(findings.map(({ seed, problem }) => `seed ${seed}: ${problem}`)).toEqual([]);
    expect(outcomes.refused).toBeGreaterThan(10);
    expect(outcomes[WANTED[name]]).toBeGreaterThan(1);
  });
});
