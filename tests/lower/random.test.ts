import fc from "fast-check";
import { expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import type { InputDtype } from "../../host/lower/input.ts";
import type { Elements } from "../../host/reference/model.ts";
import { Random, randomGraph } from "../graph/random.ts";
import { seedCount } from "../seeds.ts";
import { expectAgreement } from "./agree.ts";

const ROWS = 256;

/** Elements among which are all of the dtype, or its ends. */
function elements(dtype: InputDtype, count: number, random: Random): Elements {
  switch (dtype) {
    case "u8":
      return Uint8Array.from({ length: count }, (_, i) => (i < 256 ? i : random.int(0, 255)));
    case "i8":
      return Int8Array.from({ length: count }, (_, i) => (i < 256 ? i - 128 : random.int(-128, 127)));
    case "i16":
      return Int16Array.from({ length: count }, (_, i) => [-32768, 32767][i] ?? random.int(-32768, 32767));
    case "f32":
      return Float32Array.from(
        { length: count },
        (_, i) => [-0, 0, -3e38, 3e38][i] ?? (random.unit() - 0.5) * 10 ** random.int(-3, 2),
      );
  }
}

const RUNS = seedCount(300);

it.each(["u8", "i8", "i16", "f32"] as const)("a program computes what its graph does, %s inputs", (dtype) => {
  let converted = 0;
  const seeds = fc.integer();
  fc.assert(
    fc.property(seeds, (seed) => {
      const graph = randomGraph(seed);
      const random = new Random(~seed);
      const channels = graph.inputs[0]!.shape.reduce((a, b) => a * b);
      try {
        expectAgreement(graph, elements(dtype, ROWS * channels, random), { input: { dtype } });
        converted++;
      } catch (error) {
        if (!(error instanceof UnsupportedError)) throw error;
      }
    }),
    { numRuns: RUNS },
  );
  expect(converted).toBeGreaterThan(RUNS / 2);
});
