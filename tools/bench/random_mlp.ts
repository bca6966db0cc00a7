import { mulberry32 } from "../../host/numbers/random.ts";
import { toQonnx } from "../train/export.ts";

/** Pixels, two hidden layers and ten classes, as MNIST has them. */
const WIDTHS = [784, 256, 256, 10];

/**
 * A QONNX file of a ternary 784-256-256-10 of random weights, as `tools/train` writes a trained one: 8-bit pixels, batch norms,
 * 4-bit codes behind a ReLU between layers.
 */
export function randomMlp(): Uint8Array {
  const next = mulberry32(WIDTHS[0]!);
  const between = (min: number, max: number) => min + (max - min) * next();
  const layers = WIDTHS.slice(1).map((outputs, i) => {
    const inputs = WIDTHS[i]!;
    const floats = (length: number, make: () => number) => Float32Array.from({ length }, make);
    return {
      ...{ inputs, outputs, scale: 1 },
      weights: floats(outputs * inputs, () => between(-1.5, 1.5)), // a third of the codes are 0
      gamma: floats(outputs, () => between(0.5, 1.5)),
      beta: floats(outputs, () => between(-0.5, 0.5)),
      mean: floats(outputs, () => 0),
      variance: floats(outputs, () => inputs / 4), // of the sums of such codes and inputs in [0, 1]: all steps occur
    };
  });
  const architecture = {
    picture: [1, 28, 28] as [number, number, number],
    hidden: WIDTHS.slice(1, -1),
    classes: WIDTHS.at(-1)!,
    weights: "ternary" as const,
    activations: 4,
  };
  return toQonnx({ architecture, layers });
}
