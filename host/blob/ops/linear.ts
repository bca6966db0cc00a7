import type { LinearOp } from "../../program.ts";
import { WEIGHTS } from "../pack/pack.ts";
import { checkPositions, readFloatPost } from "./float.ts";
import type { OpFormat } from "./format.ts";
import { putWeights, readPacked } from "./weights.ts";

export const linear: OpFormat<LinearOp> = {
  inputs: 1,

  read(record) {
    const { dtype, inputs, output, to, fail } = record;
    const [from] = record.from as [typeof to];
    if (from.dtype !== "u8" && from.dtype !== "i8" && from.dtype !== "scaled8") {
      fail(`input of ${from.dtype}, expected u8, i8 or scaled8`);
    }
    checkPositions(from, to, fail);
    if (dtype === "f32") return fail("weights of f32, expected integers");
    const packings = WEIGHTS[dtype].packings.filter(({ blockBytes }) => blockBytes === undefined);
    return {
      kind: "linear",
      inputs,
      output,
      ...readPacked(record, to.channels, packings),
      post: readFloatPost(record),
    };
  },

  putFields: putWeights,
  channels: ({ output }, tensors) => tensors[output]!.channels,
  columns: (_, [from]) => ({ taps: 1, inputs: from!.channels, packedInputs: from!.channels }),
};
