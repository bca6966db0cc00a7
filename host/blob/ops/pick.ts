import type { PickOp } from "../../program.ts";
import { positionCount } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { checkNoPost, checkOnePosition } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const pick: OpFormat<PickOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, post, fail } = record;
    const from = checkOnePosition(record);
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
