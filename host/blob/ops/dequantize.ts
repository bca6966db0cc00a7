import type { DequantizeOp } from "../../program.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import { readFloatPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

const INTEGERS = ["u8", "i8", "i16", "i32"];

export const dequantize: OpFormat<DequantizeOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, tileChannels, fail } = record;
    const [from] = record.from as [typeof to];
    if (!INTEGERS.includes(from.dtype)) fail(`input of ${from.dtype}, expected ${INTEGERS.join(", ")}`);
    if (!isSameShape(from, to)) fail(`${shapeText(from)} → ${shapeText(to)}, expected equal shapes`);
    return { kind: "dequantize", inputs, output, post: readFloatPost(record), tileChannels };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
