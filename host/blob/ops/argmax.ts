import type { ArgmaxOp } from "../../program.ts";
import { positionCount } from "../../shape.ts";
import { type OpFormat, readPost } from "./format.ts";

export const argmax: OpFormat<ArgmaxOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, post, tileChannels, fail } = record;
    const [from] = record.from as [typeof to];
    if (from.dtype !== "i32" || to.dtype !== "i32" || to.channels !== 1) {
      fail(`${from.dtype} → ${to.dtype} × ${to.channels}, expected i32 → i32 × 1`);
    }
    if (positionCount(from) + positionCount(to) > 2) fail("several positions, expected one of input and output");
    if (post === "none") return { kind: "argmax", inputs, output };
    return { kind: "argmax", inputs, output, post: readPost(record, ["scores"], from.channels), tileChannels };
  },

  channels: ({ inputs: [input] }, tensors) => tensors[input!]!.channels,
};
