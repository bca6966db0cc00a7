import type { MaximumOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { isBytesLike, type OpFormat } from "./format.ts";

export const maximum: OpFormat<MaximumOp> = {
  inputs: 2,

  read({ inputs, output, from, to, post, fail }) {
    const tensors = [...from, to];
    const found = tensors.map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
    if (!tensors.every((tensor) => isBytesLike(tensor, to)))
      fail(`${found[0]}, ${found[1]} → ${found[2]}, expected codes in bytes, as many of each`);
    if (post !== "none") fail(`post ${post}, expected none`);
    return { kind: "maximum", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
