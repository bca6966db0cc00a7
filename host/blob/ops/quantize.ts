import type { QuantizeOp } from "../../program.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { isCode, type OpFormat, readPost, SUMS_POSTS } from "./format.ts";

export const quantize: OpFormat<QuantizeOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, post, tileChannels, fail } = record;
    const [from] = record.from as [typeof to];
    if (from.dtype === "bit" || !isCode(to.dtype)) fail(`${from.dtype} → ${to.dtype}, expected integers → codes`);
    if (!isSameShape(from, to)) fail(`${shapeText(from)} → ${shapeText(to)}, expected equal shapes`);
    if (from.dtype === "f32" && post !== "thresholds") fail(`post ${post} of an f32, expected thresholds`);
    if (post === "lookup" && from.dtype !== "u8" && from.dtype !== "i8") {
      fail(`lookup of ${from.dtype}, expected u8 or i8`);
    }
    if (post === "plane" && from.dtype !== "i32") fail(`plane of ${from.dtype}, expected i32`);
    const made = readPost(record, [...SUMS_POSTS, "lookup"], to.channels);
    return { kind: "quantize", inputs, output, post: made, tileChannels };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
