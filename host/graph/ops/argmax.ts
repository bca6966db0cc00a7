import { positionCount, shapeText } from "../../shape.ts";
import { REAL } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers, refuseNaN } from "./meaning.ts";

/** Index of the greatest channel, the first among equals. Only before an output. */
export interface ArgmaxNode extends NodeBase {
  op: "argmax";
}

export const argmaxMeaning: OpMeaning<ArgmaxNode> = {
  role: "end",
  readsCodes: false,
  inputs: 1,
  shape: () => ({ height: 1, width: 1, channels: 1 }),
  problem: (_, [input]) => (positionCount(input!) === 1 ? undefined : `reads ${shapeText(input!)}, expected a vector`),
  form: () => REAL,

  evaluate({ name }, [input], { numbers }) {
    refuseNaN(`argmax "${name}"`, input!);
    const real = realNumbers(input!);
    const { channels } = input!;
    for (let row = 0; row < numbers.length; row++) numbers[row] = firstGreatest(real, row, channels);
    return numbers;
  },
};

function firstGreatest(value: Float64Array, row: number, channels: number): number {
  let best = 0;
  for (let c = 1; c < channels; c++) if (value[row * channels + c]! > value[row * channels + best]!) best = c;
  return best;
}
