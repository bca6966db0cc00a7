import type { FloatLinearOp } from "../../program.ts";
import { checkPositions, readFloatPost } from "./float.ts";
import type { OpFormat } from "./format.ts";
import { putFloats, readFloats } from "./weights.ts";

export const floatLinear: OpFormat<FloatLinearOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, fail } = record;
    const [from] = record.from as [typeof to];
    if (from.dtype !== "f32") fail(`input of ${from.dtype}, expected f32`);
    checkPositions(from, to, fail);
    return { kind: "float_linear", inputs, output, ...readFloats(record), post: readFloatPost(record) };
  },

  putFields: putFloats,
  channels: ({ output }, tensors) => tensors[output]!.channels,
  columns: (_, [from]) => ({ taps: 1, inputs: from!.channels, packedInputs: from!.channels }),
};
