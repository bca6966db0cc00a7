import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers } from "./meaning.ts";

/** A picture whose lines and columns are each repeated: of codes alone, which stay what they are. */
export interface UpsampleNode extends NodeBase {
  op: "upsample";
  /** How often each is repeated. */
  factorY: number;
  factorX: number;
}

export const upsampleMeaning: OpMeaning<UpsampleNode> = {
  role: "codes",
  readsCodes: true,
  inputs: 1,
  shape: ({ factorY, factorX }, [input]) => ({
    ...input!,
    height: input!.height * factorY,
    width: input!.width * factorX,
  }),

  problem({ factorY, factorX }) {
    const isCount = (factor: number) => Number.isInteger(factor) && factor >= 1;
    return isCount(factorY) && isCount(factorX)
      ? undefined
      : `repeats lines ${factorY} and columns ${factorX} times, expected integers of at least 1`;
  },

  form: (_, [input]) => input!,

  evaluate({ factorY, factorX }, [input], { numbers, height, width, channels, form }) {
    const isCodes = form.kind === "codes";
    const from = isCodes ? input!.numbers : realNumbers(input!);
    for (let to = 0, position = 0; to < numbers.length; to += channels, position++) {
      const [line, x] = [Math.floor(position / width), position % width];
      const y = Math.floor(line / height) * input!.height + Math.floor((line % height) / factorY);
      const at = (y * input!.width + Math.floor(x / factorX)) * channels;
      numbers.set(from.subarray(at, at + channels), to);
    }
    return isCodes ? numbers : undefined;
  },
};
