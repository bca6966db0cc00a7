import type { AddOp } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { isBytesLike, type OpFormat, readSumsPost } from "./format.ts";

export const add: OpFormat<AddOp> = {
  inputs: 2,

  read(record) {
    const { inputs, output, from, to, tileChannels, fail } = record;
    if (!from.every((tensor) => isBytesLike(tensor, to))) {
      const [a, b] = from.map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
      fail(`${a}, ${b} → ${shapeText(to)}, expected codes in bytes, as many of each`);
    }
    const post = readSumsPost(record);
    return { kind: "add", inputs, output, ...(post && { post, tileChannels }) };
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
