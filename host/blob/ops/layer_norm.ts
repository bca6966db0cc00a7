import type { LayerNormOp } from "../../program.ts";
import { OP } from "../layout.ts";
import { checkAlikeFloats, readOptionalPost, readPositive } from "./float.ts";
import type { OpFormat } from "./format.ts";

export const layerNorm: OpFormat<LayerNormOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, at } = record;
    checkAlikeFloats(record);
    const epsilon = readPositive(record, at + OP.epsilon, "epsilon", true);
    return { kind: "layer_norm", inputs, output, epsilon, ...readOptionalPost(record) };
  },

  putFields(view, at, { epsilon }) {
    view.setFloat32(at + OP.epsilon, epsilon, true);
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
