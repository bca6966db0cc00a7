import type { Picture } from "../../shape.ts";
import { insideTaps } from "../../window.ts";
import { type Form, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import type { OpMeaning, Value } from "./meaning.ts";
import { scaleSums } from "./weights.ts";
import { type PaddedWindow, poolProblem, tapsInside, windowSize } from "./window.ts";

/** The mean of each channel in a window. The input must be codes, whose sums are integers; the divisor is part of their scale. */
export interface AvgpoolNode extends NodeBase {
  op: "avgpool";
  window: PaddedWindow;
  /** Whether positions outside the input count, as real 0. If not, as many positions of every window must lie inside. */
  countsPadding: boolean;
}

export const avgpoolMeaning: OpMeaning<AvgpoolNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 1,
  shape: ({ window }, [input]) => ({ ...windowSize(window, input!), channels: input!.channels }),
  problem: ({ window }, [input]) => poolProblem(window, input!),
  form: () => REAL,

  evaluate(node, [input], output) {
    sumTaps(node, input!, output);
    return scaleSums(output.numbers, output.channels, averageScale(node, input!, input!.form));
  },
};

/** Accumulators: Σ e[tap, c] over the taps inside the input, exact below 2^53. */
function sumTaps({ window }: AvgpoolNode, input: Value, output: Value): void {
  const { channels } = input;
  const [size, positions] = [input.height * input.width, output.height * output.width];
  for (let p = 0; p < positions; p++) {
    const taps = insideTaps(window, input, Math.floor(p / output.width), p % output.width);
    for (let row = 0; row < output.numbers.length / (positions * channels); row++) {
      for (let c = 0; c < channels; c++) {
        const plus = (sum: number, tap: number) => sum + input.numbers[(row * size + tap) * channels + c]!;
        output.numbers[(row * positions + p) * channels + c] = taps.reduce(plus, 0);
      }
    }
  }
}

/** What sums are divided by; undefined where that depends on the position. */
export function divisorOf(
  { window, countsPadding }: Pick<AvgpoolNode, "window" | "countsPadding">,
  input: Picture,
): number | undefined {
  if (countsPadding) return window.kernelHeight * window.kernelWidth;
  const { rows, columns } = tapsInside(window, input);
  const isAlike = rows.every((count) => count === rows[0]) && columns.every((count) => count === columns[0]);
  return isAlike ? rows[0]! * columns[0]! : undefined;
}

/** Real value of an accumulator's unit, of length 1 or one entry per channel: activation scale by divisor. */
export function averageScale(node: AvgpoolNode, input: Picture, form: Form): Float64Array {
  const divisor = divisorOf(node, input)!;
  const scale = form.kind === "real" ? Float64Array.of(1) : form.scale;
  return scale.map((unit) => unit / divisor);
}
