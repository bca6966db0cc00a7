import { expect, it } from "vitest";
import { exponential, halfCosine, halving, type Schedule } from "../../tools/train/schedule.ts";

const rates = (schedule: Schedule, epochs: number, stepsOfEpoch: number) =>
  Array.from({ length: epochs * stepsOfEpoch }, (_, step) =>
    schedule(8, { epoch: Math.floor(step / stepsOfEpoch), epochs, step, steps: epochs * stepsOfEpoch }),
  );

it.each<[string, Schedule, number[]]>([
  ["half a cosine, step by step", halfCosine, [8, 4 + 4 * Math.SQRT1_2, 4, 4 - 4 * Math.SQRT1_2]],
  ["an exponential, epoch by epoch, to a ten thousandth", exponential, [8, 8, 0.08, 0.08]],
  ["halves, in the middle of ten", halving, [8, 8, 0.25, 0.25]],
])("falls along %s", (_, schedule, expected) => {
  for (const [i, rate] of rates(schedule, 2, 2).entries()) expect(rate).toBeCloseTo(expected[i]!, 9);
});

it("halves every tenth of the epochs", () => {
  expect(rates(halving, 20, 1)).toEqual(Array.from({ length: 20 }, (_, epoch) => 8 / 2 ** Math.floor(epoch / 2)));
});
