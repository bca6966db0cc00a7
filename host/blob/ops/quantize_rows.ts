import type { QuantizeRowsOp } from "../../program.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { checkNoPost, readPositive } from "./float.ts";
import type { OpFormat } from "./format.ts";

/** Greatest code of a byte. */
const MAX_LEVELS = 127;

export const quantizeRows: OpFormat<QuantizeRowsOp> = {
  inputs: 1,

  read(record) {
    const { view, at, inputs, output, to, post, fail } = record;
    const [from] = record.from as [typeof to];
    if (from.dtype !== "f32" || to.dtype !== "scaled8" || !isSameShape(from, to)) {
      const found = [from, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`).join(" → ");
      fail(`${found}, expected f32 → scaled8, as many of each`);
    }
    checkNoPost(post, fail);
    const levels = view.getUint8(at + OP.hi);
    if (levels < 1 || levels > MAX_LEVELS) fail(`codes up to ${levels}, expected 1 to ${MAX_LEVELS}`);
    return { kind: "quantize_rows", inputs, output, levels, epsilon: readPositive(record, at + OP.epsilon, "epsilon") };
  },

  putFields(view, at, { levels, epsilon }) {
    putField(view, at + OP.hi, "u8", levels, "levels");
    view.setFloat32(at + OP.epsilon, epsilon, true);
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
