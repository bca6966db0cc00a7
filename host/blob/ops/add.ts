import type { AddOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import { isBytesLike, type OpFormat, readSumsPost } from "./format.ts";

export const add: OpFormat<AddOp> = {
  inputs: 2,

  read(record) {
    const { view, at, inputs, output, from, to, tileChannels, fail } = record;
    if (!from.every((tensor) => isBytesLike(tensor, to))) {
      const [a, b] = from.map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
      fail(`${a}, ${b} → ${shapeText(to)}, expected codes in bytes, as many of each`);
    }
    const post = readSumsPost(record, ["thresholds", "requantize"]);
    const factors = [view.getInt32(at + OP.factor, true), view.getInt32(at + OP.secondFactor, true)] as const;
    return { kind: "add", inputs, output, factors, ...(post && { post, tileChannels }) };
  },

  putFields(view, at, { factors }) {
    putField(view, at + OP.factor, "i32", factors[0], "factor");
    putField(view, at + OP.secondFactor, "i32", factors[1], "second factor");
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
