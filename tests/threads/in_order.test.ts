import { setImmediate, setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inOrder, type Lane } from "../../tools/threads/in_order.ts";

/** Squares numbers in its own time, one after the other; fails on those that `fails` names. */
function lane(depth: number, delays: readonly number[], fails: readonly number[] = []) {
  const seen = { begun: [] as number[], most: 0 };
  let [under, turn] = [0, 0];
  let last: Promise<unknown> = Promise.resolve();
  const run = (x: number) => {
    seen.begun.push(x);
    seen.most = Math.max(seen.most, ++under);
    const result = last.then(async () => {
      for (let i = delays[turn++ % delays.length]!; i > 0; i--) await setImmediate();
      under--;
      if (fails.includes(x)) throw new Error(`no square of ${x}`);
      return x * x;
    });
    last = result.catch(() => {});
    return result;
  };
  return { depth, run, seen };
}

/** Numbers from 0 on, the last one followed by an error if that is given. */
function source(count: number, error?: Error) {
  const seen = { read: 0, closed: false };
  const batches = (function* () {
    try {
      for (; seen.read < count; ) yield seen.read++;
      if (error) throw error;
    } finally {
      seen.closed = true;
    }
  })();
  return { batches, seen };
}

async function collect(batches: Iterable<number>, lanes: Lane<number, number>[]) {
  const results: number[] = [];
  try {
    for await (const result of inOrder(batches, lanes)) results.push(result);
    return { results };
  } catch (error) {
    return { results, error: (error as Error).message };
  }
}

const squares = (count: number) => Array.from({ length: count }, (_, x) => x * x);
const delays = fc.array(fc.nat(3), { minLength: 1, maxLength: 5 });
const speeds = fc.array(fc.record({ depth: fc.integer({ min: 1, max: 3 }), delays }), { minLength: 1, maxLength: 4 });

describe("inOrder", () => {
  it("gives the results of every batch, once and in order, whoever is faster", async () => {
    await fc.assert(
      fc.asyncProperty(speeds, fc.nat(40), async (speeds, count) => {
        const lanes = speeds.map(({ depth, delays }) => lane(depth, delays));
        const { batches, seen } = source(count);
        expect(await collect(batches, lanes)).toEqual({ results: squares(count) });
        expect(seen).toEqual({ read: count, closed: true });
        for (const { seen, depth } of lanes) expect(seen.most).toBeLessThanOrEqual(depth);
        expect(lanes.flatMap(({ seen }) => seen.begun)).toHaveLength(count);
      }),
    );
  });

  it("throws the error that comes first in order, behind all results before it", async () => {
    await fc.assert(
      fc.asyncProperty(
        speeds,
        fc.nat(40),
        fc.array(fc.nat(40), { maxLength: 3 }),
        fc.boolean(),
        async (speeds, count, bad, ends) => {
          const lanes = speeds.map(({ depth, delays }) => lane(depth, delays, bad));
          const { batches, seen } = source(count, ends ? new Error("cut off") : undefined);
          const first = Math.min(count, ...bad.filter((x) => x < count));
          const error = first < count ? `no square of ${first}` : ends ? "cut off" : undefined;
          expect(await collect(batches, lanes)).toEqual({ results: squares(first), ...(error && { error }) });
          expect(seen.closed).toBe(true);
        },
      ),
    );
  });

  it("uses every lane, and those that come later", async () => {
    const lanes = [lane(1, [1])];
    const { batches } = source(100);
    const results: number[] = [];
    for await (const result of inOrder(batches, lanes)) {
      results.push(result);
      if (results.length === 10) lanes.push(lane(2, [0]), lane(2, [2]));
    }
    expect(results).toEqual(squares(100));
    expect(lanes[0]!.seen.begun.length).toBeGreaterThan(5);
    for (const { seen } of lanes.slice(1)) expect(seen.begun.length).toBeGreaterThan(5);
  });

  it("reads no further ahead than it must, and begins nothing after an error", async () => {
    const slow = lane(1, [0]);
    const { batches, seen } = source(1000);
    const stuck: Lane<number, number> = { depth: 1, run: () => setTimeout(20, 0) };
    const lanes = [stuck, slow];
    let results = 0;
    for await (const _ of inOrder(batches, lanes)) {
      expect(seen.read).toBeLessThanOrEqual(results + 8); // 4 per lane
      if (++results === 30) break;
    }
    expect(seen.closed).toBe(true);

    const failing = source(1000);
    expect(await collect(failing.batches, [lane(2, [1], [5])])).toMatchObject({ error: "no square of 5" });
    expect(failing.seen.read).toBeLessThanOrEqual(8);
  });
});
