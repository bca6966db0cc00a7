import type { AttentionOp } from "../../program.ts";
import { positionCount, shapeText } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const attention: OpFormat<AttentionOp> = {
  inputs: 3,

  read(record) {
    const { view, at, inputs, output, from, to, post, fail } = record;
    const [queries, keys, values] = from as [typeof to, typeof to, typeof to];
    const [heads, keyHeads] = [view.getUint16(at + OP.heads, true), view.getUint16(at + OP.keyHeads, true)];
    const channels = (to.channels / heads) * keyHeads; // of keys and values
    const all = [...from, to];
    const sizes = [to.channels, channels, channels, to.channels];
    const isOf = (tensor: typeof to, i: number) =>
      tensor.dtype === "f32" && positionCount(tensor) === positionCount(to) && tensor.channels === sizes[i];
    if (!all.every(isOf) || to.channels % heads !== 0 || heads % keyHeads !== 0) {
      const found = [queries, keys, values].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(", ");
      fail(
        `${found} → ${to.dtype} × ${shapeText(to)} with ${heads} heads, ${keyHeads} of keys, expected f32 in whole heads of one size`,
      );
    }
    checkNoPost(post, fail);
    const scale = view.getFloat32(at + OP.scale, true);
    if (!Number.isFinite(scale)) fail(`scale ${scale}, expected a finite number`);
    return { kind: "attention", inputs, output, heads, keyHeads, scale };
  },

  putFields(view, at, { heads, keyHeads, scale }) {
    putField(view, at + OP.heads, "u16", heads, "heads");
    putField(view, at + OP.keyHeads, "u16", keyHeads, "heads of keys");
    view.setFloat32(at + OP.scale, scale, true);
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
