import type { FloatAddOp } from "../../program.ts";
import { checkAlikeFloats, checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const floatAdd: OpFormat<FloatAddOp> = {
  inputs: 2,

  read(record) {
    const { inputs, output, post, fail } = record;
    checkAlikeFloats(record);
    checkNoPost(post, fail);
    return { kind: "float_add", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
