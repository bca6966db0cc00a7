import { describe, expect, it } from "vitest";
import { type Effort, measure, quantile } from "../../tools/bench/timing.ts";

/** A clock that stands still but while work is done: each call takes the next of `durations`, the last for ever. */
function fakeWork(...durations: number[]) {
  let nowMs = 1000;
  let calls = 0;
  const work = () => {
    nowMs += durations[Math.min(calls++, durations.length - 1)]!;
  };
  return { work, now: () => nowMs, calls: () => calls };
}

const EFFORT: Effort = { warmUpMs: 4, batchMs: 3, batches: 5, limitMs: 100 };

describe("measure", () => {
  it("warms up, then times batches that are long enough", async () => {
    const { work, now, calls } = fakeWork(2);
    expect(await measure(work, EFFORT, now)).toEqual({ median: 2, p25: 2, p75: 2, batches: 5, callsPerBatch: 2 });
    expect(calls()).toBe(2 + 5 * 2);
  });

  it("gives the median and the quarters of the batches, whatever their order", async () => {
    const { work, now } = fakeWork(4, 10, 30, 20, 50, 40);
    expect(await measure(work, EFFORT, now)).toMatchObject({ median: 30, p25: 20, p75: 40, callsPerBatch: 1 });
  });

  it("does not count the calls of the warm-up", async () => {
    const { work, now } = fakeWork(1000, 3);
    expect(await measure(work, EFFORT, now)).toMatchObject({ median: 3, batches: 3 });
  });

  it.each([
    { callMs: 20, batches: 5 },
    { callMs: 25, batches: 4 },
    { callMs: 1000, batches: 3 },
  ])("has $batches batches for work of $callMs ms", async ({ callMs, batches }) => {
    const { work, now, calls } = fakeWork(callMs);
    expect(await measure(work, EFFORT, now)).toMatchObject({ median: callMs, batches, callsPerBatch: 1 });
    expect(calls()).toBe(1 + batches);
  });

  it("waits for a promise", async () => {
    const { work, now } = fakeWork(2);
    const later = () => new Promise<void>((resolve) => setImmediate(() => resolve(work())));
    expect(await measure(later, EFFORT, now)).toMatchObject({ median: 2, callsPerBatch: 2 });
  });
});

it.each([
  [[7], 0.25, 7],
  [[1, 2], 0.5, 1.5],
  [[1, 2, 4], 0.5, 2],
  [[1, 2, 4], 0.75, 3],
  [[0, 10, 20, 30, 40], 0.25, 10],
])("quantile of %j at %d is %d", (sorted, q, expected) => {
  expect(quantile(sorted, q)).toBe(expected);
});
