import type { MeanOp } from "../../program.ts";
import { checkNoPost, checkOnePosition } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const mean: OpFormat<MeanOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, post, fail } = record;
    checkOnePosition(record);
    checkNoPost(post, fail);
    return { kind: "mean", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
