import { expect, it } from "vitest";
import { measureClock } from "../../tools/bench/clock.ts";

it("the clock is that of a call in which every addition takes a cycle", () => {
  let nowMs = 0;
  let reads = 0;
  const now = () => {
    nowMs += reads++ % 2 === 1 ? (reads === 20 ? 0.8 : 1.6) : 0; // 3.2 million additions, once in 0.8 ms
    return nowMs;
  };
  expect(measureClock(now)).toBeCloseTo(4, 6);
});

it("is between that of a microcontroller and what silicon does", () => {
  const clock = measureClock();
  expect(clock).toBeGreaterThan(0.05);
  expect(clock).toBeLessThan(10);
});
