import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { decodeModel, encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import type { OnnxRuntime, SessionOptions } from "../../tools/bench/onnxruntime_api.ts";
import { evaluateOnnx } from "../checkpoint/onnx/definition.ts";
import { type QuantizedFile, randomQuantizedOnnx } from "../checkpoint/onnx/quantized.ts";
import { describeUnless } from "../skip.ts";

/** onnxruntime-node, or why it cannot be loaded here. */
const runtime: OnnxRuntime | string = (() => {
  try {
    return createRequire(import.meta.url)("onnxruntime-node");
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    return `onnxruntime-node cannot be loaded: ${why}; npm run oracle:install installs it`;
  }
})();

const SEEDS = 200;
const ROWS = 4;

/** How far from a tie, in steps of the scale, f32 may round to the other code: sums of up to 1,000 products of some 1,000 steps. */
const NEAR_TIE = 1e-3;

describeUnless(
  typeof runtime === "string" ? runtime : undefined,
  "onnxruntime computes the integers that quantized files mean",
  () => {
    const { InferenceSession, Tensor } = runtime as OnnxRuntime;
    const options: SessionOptions = {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "disabled", // fusing makes operators of integers of QDQ files
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    };

    /** All integers of a row, and its output. */
    async function run({ bytes, shape, integers }: QuantizedFile, row: Float32Array): Promise<Map<string, number[]>> {
      const model = decodeModel(bytes);
      const output = [...integers, "y"].map((name) => ({ name }));
      const session = await InferenceSession.create(
        encodeModel({ ...model, graph: { ...model.graph!, output } }),
        options,
      );
      const result = await session.run({ x: new Tensor("float32", row, [1, ...shape]) });
      const found = new Map(session.outputNames.map((name) => [name, Array.from(result[name]!.data as Float32Array)]));
      await session.release();
      return found;
    }

    // Of files whose scales are powers of two all integers are equal, ties included. Of the others each node is given the integers that onnxruntime computed
    // before it; then a difference is that of a number so near to a tie that f32 sums and products fall on its other side.
    it(`for ${SEEDS} random files`, { timeout: 120_000 }, async () => {
      const total = { integers: 0, off: 0 };
      for (let seed = 0; seed < SEEDS; seed++) {
        const file = randomQuantizedOnnx(seed);
        const x = file.rows(ROWS);
        const size = x.length / ROWS;
        for (let i = 0; i < ROWS; i++) {
          const row = x.slice(i * size, (i + 1) * size);
          const theirs = await run(file, row);
          const given = file.isExact ? new Map() : theirs;
          const where = `seed ${seed}, row ${i}`;
          evaluateOnnx(file.bytes, [...row], given, (name, own, steps) => {
            const found = theirs.get(name);
            if (!found || (name === "y" && !file.isExact)) return;
            total.integers += found.length;
            if (file.isExact) expect(found, `${where}, ${name}`).toEqual(own.data);
            expect(found).toHaveLength(own.data.length);
            for (const [e, code] of own.data.entries()) {
              if (found[e] === code) continue;
              total.off++;
              const step = steps?.data[e] ?? Number.NaN;
              const fromTie = Math.abs(step - Math.floor(step) - 0.5);
              if (!(fromTie <= NEAR_TIE && Math.abs(found[e]! - code) === 1)) {
                expect.fail(`${where}, ${name}, element ${e}: ${found[e]}, not ${code}, of ${step}`);
              }
            }
          });
        }
      }
      expect(total.integers).toBeGreaterThan(100_000);
      expect(total.off).toBeLessThan(total.integers / 10_000); // here none is
    });
  },
);
