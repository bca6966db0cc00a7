import type { SoftmaxOp } from "../../program.ts";
import { checkAlikeFloats, checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const softmax: OpFormat<SoftmaxOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, post, fail } = record;
    checkAlikeFloats(record);
    checkNoPost(post, fail);
    return { kind: "softmax", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
