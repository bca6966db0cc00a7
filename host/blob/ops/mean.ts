import type { MeanOp } from "../../program.ts";
import { positionCount, shapeText } from "../../shape.ts";
import { checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const mean: OpFormat<MeanOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, post, fail } = record;
    const [from] = record.from as [typeof to];
    const isFloat = from.dtype === "f32" && to.dtype === "f32";
    if (!isFloat || from.channels !== to.channels || positionCount(to) !== 1) {
      const found = [from, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(" → ");
      fail(`${found}, expected f32 → one position of as many channels`);
    }
    checkNoPost(post, fail);
    return { kind: "mean", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
