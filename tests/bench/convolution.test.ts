import { describe, expect, it } from "vitest";
import { ACTIVATIONS } from "../../tools/bench/activations.ts";
import {
  type ConvolutionShape,
  convolutionError,
  exactPosition,
  randomConvolution,
  spreadOf,
  transposed,
  workOf,
} from "../../tools/bench/convolution.ts";
import { convolutionSums, moduleConvolution } from "../../tools/bench/module_convolution.ts";
import { solveInModule } from "../../tools/bench/module_matmul.ts";
import { describeModules } from "../variants.ts";

const SHAPE: ConvolutionShape = { height: 4, width: 5, inputs: 3, outputs: 7, kernel: 3 };

/** All of y, position by position. */
function exact(task: ReturnType<typeof randomConvolution>): Float32Array {
  const positions = Array.from({ length: task.height * task.width }, (_, p) => p);
  return Float32Array.from(
    positions.flatMap((p) => [...exactPosition(task, Math.floor(p / task.width), p % task.width)]),
  );
}

describe("a convolution", () => {
  it("takes taps outside the picture as 0", () => {
    const task = { ...randomConvolution("ternary", { ...SHAPE, height: 2, width: 2, inputs: 1, outputs: 1 }) };
    task.codes = Int8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1); // below and to the right
    task.x = Float32Array.of(64, 128, 192, 256);
    expect(exact(task)).toEqual(Float32Array.of(4, 0, 0, 0));
  });

  it("counts what one costs", () => {
    expect(workOf({ height: 32, width: 32, inputs: 64, outputs: 64, kernel: 3 })).toBeCloseTo(37.748736, 9);
  });

  it("tells a right y from one that is transposed", () => {
    const task = randomConvolution("ternary", SHAPE);
    const y = exact(task);
    expect(convolutionError(task, y)).toBeLessThan(1e-6);
    expect(convolutionError(task, transposed(y, SHAPE.outputs))).toBeGreaterThan(0.5);
    expect(transposed(transposed(y, SHAPE.outputs), SHAPE.height * SHAPE.width)).toEqual(y);
    expect(Math.max(...y.map(Math.abs))).toBeLessThan(spreadOf(task));
  });
});

describeModules("measured convolutions", (engine, module) => {
  it.each([
    ["ternary", "i8", 0.02],
    ["binary", "bit", 0.9],
  ] as const)("%s × %s are right", async (weights, activation, most) => {
    const floats = randomConvolution(weights, { ...SHAPE, width: 16, inputs: 32, outputs: 12 });
    const task = moduleConvolution(floats, ACTIVATIONS[activation]);
    const solver = await solveInModule(task, { engine, variant: "scalar", module }, 1);
    await solver.run();
    expect(solver.sums()).toEqual(convolutionSums(task));
    expect(convolutionError(floats, solver.y())).toBeLessThan(most);
    await solver.dispose();
  });
});
