import type { PickOp } from "../../program.ts";
import { positionCount, shapeText } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const pick: OpFormat<PickOp> = {
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
    const position = record.view.getUint16(record.at + OP.position, true);
    if (position >= positionCount(from)) fail(`position ${position}, but there are ${positionCount(from)}`);
    return { kind: "pick", inputs, output, position };
  },

  putFields(view, at, { position }) {
    putField(view, at + OP.position, "u16", position, "position");
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
