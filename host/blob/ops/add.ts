import type { AddOp } from "../../program.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { isCode, type OpFormat, readPost } from "./format.ts";

export const add: OpFormat<AddOp> = {
  inputs: 2,

  read(record) {
    const { inputs, output, from, to, post, tileChannels, fail } = record;
    const isSound = from.every((tensor) => (tensor.dtype === "u8" || tensor.dtype === "i8") && isSameShape(tensor, to));
    if (!isSound) {
      const [a, b] = from.map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
      fail(`${a}, ${b} → ${shapeText(to)}, expected codes in bytes, as many of each`);
    }
    if (post === "none" ? to.dtype !== "i32" : !isCode(to.dtype)) fail(`post ${post} gives ${to.dtype}`);
    if (post === "none") return { kind: "add", inputs, output };
    return {
      kind: "add",
      inputs,
      output,
      post: readPost(record, ["thresholds", "requantize"], to.channels),
      tileChannels,
    };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
