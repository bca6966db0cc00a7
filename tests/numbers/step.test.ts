import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { softmax } from "../../host/numbers/softmax.ts";
import { applyStep, direction, type Step } from "../../host/numbers/step.ts";

const by = (...values: number[]) => Float64Array.from(values);

const batchnorm = (gamma: number): Step => ({
  kind: "batchnorm",
  mean: by(1),
  variance: by(3.75),
  epsilon: 0.25,
  gamma: by(gamma),
  beta: by(0.5),
});

describe("steps", () => {
  it.each<[Step, number, number, number | undefined]>([
    [{ kind: "add", by: by(2) }, 3, 5, 1],
    [{ kind: "sub", by: by(2) }, 3, 1, 1],
    [{ kind: "rsub", by: by(2) }, 3, -1, -1],
    [{ kind: "mul", by: by(2) }, 3, 6, 1],
    [{ kind: "mul", by: by(-2) }, 3, -6, -1],
    [{ kind: "mul", by: by(0) }, 3, 0, 0],
    [{ kind: "div", by: by(-2) }, 3, -1.5, -1],
    [{ kind: "rdiv", by: by(6) }, 3, 2, undefined],
    [{ kind: "pow", by: by(2) }, 3, 9, undefined],
    [{ kind: "pow", by: by(3) }, -3, -27, 1],
    [{ kind: "pow", by: by(0.5) }, 9, 3, undefined],
    [{ kind: "min", by: by(2) }, 3, 2, 1],
    [{ kind: "max", by: by(2) }, 3, 3, 1],
    [{ kind: "relu" }, -3, 0, 1],
    [{ kind: "count", bounds: [Float64Array.of(-1), Float64Array.of(2), Float64Array.of(2)] }, 2, 3, 1],
    [batchnorm(2), 5, 4.5, 1],
    [batchnorm(-2), 5, -3.5, -1],
    [batchnorm(0), 5, 0.5, 0],
  ])("%j of %d is %d, direction %s", (step, x, y, way) => {
    expect(applyStep(step, x, 0)).toBe(y);
    expect(direction(step, 0)).toBe(way);
  });

  it("keep the order of numbers in the direction that they claim", () => {
    const real = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom("add", "sub", "rsub", "mul", "div", "min", "max"),
        by: real.map((c) => by(c || 1)),
      }),
      fc.constantFrom(3, 5, 15).map((exponent) => ({ kind: "pow", by: by(exponent) })),
      real.map(batchnorm),
    ) as fc.Arbitrary<Step>;
    fc.assert(
      fc.property(step, real, real, (s, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect((applyStep(s, high, 0) - applyStep(s, low, 0)) * direction(s, 0)!).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

it("softmax does not overflow", () => {
  const x = by(1000, 1000, -1000);
  softmax(x);
  expect([...x]).toEqual([0.5, 0.5, 0]);
});
