import type { ConcatOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { isBytesLike, type OpFormat } from "./format.ts";

export const concat: OpFormat<ConcatOp> = {
  inputs: 2,

  read({ inputs, output, from, to, post, fail }) {
    const [a, b] = from as [typeof to, typeof to];
    const like = (tensor: typeof to) => isBytesLike(tensor, { ...to, channels: tensor.channels });
    if (!like(a) || !like(b) || !like(to) || a.channels + b.channels !== to.channels) {
      const found = [a, b, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
      fail(
        `${found[0]}, ${found[1]} → ${found[2]}, expected codes in bytes at the same positions, all channels of both`,
      );
    }
    if (post !== "none") fail(`post ${post}, expected none`);
    return { kind: "concat", inputs, output };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
