import type { FloatMulOp } from "../../program.ts";
import { checkAlikeFloats, checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const floatMul: OpFormat<FloatMulOp> = {
  inputs: 2,

  read(record) {
    const { inputs, output, post, fail } = record;
    checkAlikeFloats(record);
    checkNoPost(post, fail);
    return { kind: "float_mul", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
