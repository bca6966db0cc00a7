import type { UpsampleOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { OP } from "../layout.ts";
import { isCode, type OpFormat } from "./format.ts";
import { putWindow } from "./window.ts";

const ONE_TAP = { kernelHeight: 1, kernelWidth: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 };

export const upsample: OpFormat<UpsampleOp> = {
  inputs: 1,

  /** Other fields of the window are compared when the program is written again. */
  read({ view, at, inputs, output, from, to, post, fail }) {
    const [input] = from as [typeof to];
    const [factorY, factorX] = [view.getUint8(at + OP.strideY), view.getUint8(at + OP.strideX)];
    const fits = to.height === input.height * factorY && to.width === input.width * factorX;
    if (!isCode(input.dtype) || to.dtype !== input.dtype || to.channels !== input.channels || !fits) {
      const found = `${input.dtype} × ${shapeText(input)} → ${to.dtype} × ${shapeText(to)}`;
      fail(`${found}, expected codes of one dtype, ${factorY} times as high and ${factorX} times as wide`);
    }
    if (post !== "none") fail(`post ${post}, expected none`);
    return { kind: "upsample", inputs, output, factorY, factorX };
  },

  putFields(view, at, { factorY: strideY, factorX: strideX }) {
    putWindow(view, at, { ...ONE_TAP, strideY, strideX });
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
