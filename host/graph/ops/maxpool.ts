import { insideTaps } from "../../window.ts";
import { type Form, REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";
import { type PaddedWindow, poolProblem, windowSize } from "./window.ts";

/**
 * The greatest number of each channel in a window; positions outside the input do not count. The input must be codes with a scale above 0, so that it
 * is the greatest code: `commute.ts` moves pools of other numbers behind the quantizers that read them.
 */
export interface MaxpoolNode extends NodeBase {
  op: "maxpool";
  window: PaddedWindow;
}

export const maxpoolMeaning: OpMeaning<MaxpoolNode> = {
  role: "codes",
  readsCodes: true,
  inputs: 1,
  shape: ({ window }, [input]) => ({ ...windowSize(window, input!), channels: input!.channels }),
  problem: ({ window }, [input]) => poolProblem(window, input!),
  form: (_, [input]) => (keepsOrder(input!) ? input! : REAL),

  evaluate({ window }, [input], output) {
    const isCodes = output.form.kind === "codes";
    const numbers = isCodes ? input!.numbers : realNumbers(input!);
    const { channels } = input!;
    const [size, positions] = [input!.height * input!.width, output.height * output.width];
    for (let p = 0; p < positions; p++) {
      const taps = insideTaps(window, input!, Math.floor(p / output.width), p % output.width);
      for (let row = 0; row < numbers.length / (size * channels); row++) {
        for (let c = 0; c < channels; c++) {
          const greatest = (most: number, tap: number) => Math.max(most, numbers[(row * size + tap) * channels + c]!);
          output.numbers[(row * positions + p) * channels + c] = taps.reduce(greatest, -Infinity);
        }
      }
    }
    return isCodes ? output.numbers : undefined;
  },
};

/** Whether greater codes are greater numbers, in every channel. */
export function keepsOrder(form: Form): boolean {
  return form.kind === "codes" && form.scale.every((scale) => scale > 0);
}
