import type { PatchesOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

const BYTEWISE = ["u8", "i8", "f32"];

export const patches: OpFormat<PatchesOp> = {
  inputs: 1,

  read({ view, at, inputs, output, from, to, post, fail }) {
    const [input] = from as [typeof to];
    const [height, width] = [view.getUint16(at + OP.kernelHeight, true), view.getUint16(at + OP.kernelWidth, true)];
    const fits = input.height === to.height * height && input.width === to.width * width;
    const isWhole = fits && to.channels === height * width * input.channels;
    if (!isWhole || to.dtype !== input.dtype || !BYTEWISE.includes(to.dtype)) {
      const found = [input, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(" → ");
      fail(`${found}, expected whole patches of ${height} × ${width}, of ${BYTEWISE.join(", ")}`);
    }
    checkNoPost(post, fail);
    return { kind: "patches", inputs, output, height, width };
  },

  putFields(view, at, { height, width }) {
    putField(view, at + OP.kernelHeight, "u16", height, "height of a patch");
    putField(view, at + OP.kernelWidth, "u16", width, "width of a patch");
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
