import { describe, expect, it } from "vitest";
import type { Engine } from "../../host/engines/engine.ts";
import { v8 } from "../../host/engines/v8.ts";
import { exactRow, type Matmul, randomMatmul, relativeError, type Solver } from "../../tools/bench/matmul.ts";
import type { Peer } from "../../tools/bench/peer.ts";
import {
  gmacs,
  measureProducts,
  PRODUCTS,
  type ProductsPlan,
  type Result,
  weightGigabytes,
} from "../../tools/bench/products.ts";
import { describeModules, VARIANTS } from "../variants.ts";

const SHAPES = [
  { M: 5, K: 33 },
  { M: 1, K: 1 },
];
const QUIET = { effort: { warmUpMs: 0, batchMs: 0, batches: 3, limitMs: 0 }, peers: [], onProgress: () => {} };

function planOf(engine: Engine, module: Uint8Array, more: Partial<ProductsPlan> = {}): ProductsPlan {
  const runners = [{ engine, variant: "scalar" as const, module }];
  return { ...QUIET, shapes: SHAPES, rows: [1, 3], runners, wants: () => true, ...more };
}

/** A peer that computes floats in plain loops, and then does `spoil` to them. */
function peerOf(spoil: (y: Float32Array) => void): Peer {
  const solve = async (matmul: Matmul, rows: number): Promise<Solver> => {
    const y = new Float32Array(rows * matmul.M);
    const run = () => {
      for (let r = 0; r < rows; r++) y.set(exactRow(matmul, r), r * matmul.M);
      spoil(y);
    };
    return { run, y: () => y, weightBytes: 4 * matmul.codes.length, dispose: () => {} };
  };
  return { name: "plain", dtype: "ternary", solve };
}

describeModules("measured products", (engine, module) => {
  it("are right for every dtype and tiny shapes", async () => {
    const { ours } = await measureProducts(planOf(engine, module));
    expect(ours).toHaveLength(SHAPES.length * 2 * PRODUCTS.length);
    for (const { activation, K, relativeError } of ours.filter(({ M }) => M > 1)) {
      expect(relativeError, `${activation}, K=${K}`).toBeLessThan({ bit: 0.8, u4: 0.1, i4: 0.1, i8: 0.01 }[activation]);
    }
  });
});

describe("measureProducts", () => {
  const module = VARIANTS.scalar!;

  it("measures what is wanted, and peers where something is", async () => {
    const wants = (label: string) => label === "int4 i8 K=33 rows=3 v8 scalar";
    const { ours, peers } = await measureProducts(planOf(v8, module, { wants, peers: [peerOf(() => {})] }));
    expect(ours).toMatchObject([{ weights: "int4", activation: "i8", M: 5, K: 33, rows: 3, engine: "v8" }]);
    expect(peers).toMatchObject([{ peer: "plain", weights: "ternary", M: 5, K: 33, rows: 3, weightBytes: 660 }]);
    expect(peers[0]!.relativeError).toBeLessThan(1e-6);
  });

  it("refuses a wrong accumulator", async () => {
    const idle: Engine = {
      ...v8,
      async instantiate(wasm, options) {
        const instance = await v8.instantiate(wasm, options);
        return { ...instance, call: (name, ...args) => (name === "invoke" ? 0 : instance.call(name, ...args)) };
      },
    };
    await expect(measureProducts(planOf(idle, module))).rejects.toThrow(
      /binary × bit, v8 scalar, accumulator \d+: found/,
    );
  });

  it.each([
    ["zeros", (y: Float32Array) => y.fill(0)],
    ["NaN", (y: Float32Array) => y.fill(Number.NaN)],
    ["a wrong last row", (y: Float32Array) => y.fill(0, y.length - 5)],
  ])("refuses a peer that gives %s", async (_, spoil) => {
    const plan = planOf(v8, module, { shapes: [{ M: 5, K: 33 }], rows: [3], peers: [peerOf(spoil)] });
    await expect(measureProducts(plan)).rejects.toThrow("plain: relative error");
  });
});

it("relativeError of what is off by a tenth is a tenth", () => {
  const matmul = randomMatmul("int8", 4, 9, 2);
  const y = Float32Array.from([...exactRow(matmul, 0), ...exactRow(matmul, 1)], (exact) => exact * 1.1);
  expect(relativeError(matmul, y)).toBeCloseTo(0.1, 6);
});

describe("figures", () => {
  const result = (median: number, rows = 2): Result => ({
    ...{ M: 1000, K: 4000, rows, weightBytes: 1e6, relativeError: 0 },
    timing: { median, p25: median, p75: median, batches: 1, callsPerBatch: 1 },
  });

  it("are per second", () => {
    expect(gmacs(result(4))).toBe(2); // 8 million in 4 ms
    expect(weightGigabytes(result(4))).toBe(0.25);
  });
});
