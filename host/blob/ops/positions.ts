import type { PositionsOp } from "../../program.ts";
import { positionCount, shapeText } from "../../shape.ts";
import { checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";
import { putFloats, readFloats } from "./weights.ts";

export const positions: OpFormat<PositionsOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, post, fail } = record;
    const [from] = record.from as [typeof to];
    const isFloat = from.dtype === "f32" && to.dtype === "f32";
    if (!isFloat || from.channels !== to.channels || positionCount(from) > positionCount(to)) {
      const found = [from, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(" → ");
      fail(`${found}, expected f32 of as many channels, at as many positions or more`);
    }
    checkNoPost(post, fail);
    return { kind: "positions", inputs, output, ...readFloats(record) };
  },

  putFields: putFloats,
  /** Positions are what has rows of weights. */
  channels: ({ output }, tensors) => positionCount(tensors[output]!),
  columns: (_, [from]) => ({ taps: 1, inputs: from!.channels, packedInputs: from!.channels }),
};
