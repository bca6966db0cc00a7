import type { DenseOp } from "../../program.ts";
import { OP, PACKING, WEIGHT } from "../layout.ts";
import { packingOf, WEIGHTS } from "../pack/pack.ts";
import { isCode, type OpFormat, readPost } from "./format.ts";

export const dense: OpFormat<DenseOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, post, dtype, packing, tileChannels, fail } = record;
    const [from] = record.from as [typeof to];
    if (!isCode(from.dtype)) fail(`input of ${from.dtype}, expected codes`);
    if (post === "none" ? to.dtype !== "i32" : !isCode(to.dtype)) fail(`post ${post} gives ${to.dtype}`);
    const { packings } = WEIGHTS[dtype];
    const packed = packings.find(({ name }) => name === packing);
    if (!packed) {
      return fail(`packing ${packing} of ${dtype}, expected ${packings.map(({ name }) => name).join(" or ")}`);
    }
    if (tileChannels < to.channels && tileChannels % packed.groupChannels) {
      fail(`tiles of ${tileChannels} channels in ${packing}, expected a multiple of ${packed.groupChannels}`);
    }
    if (from.dtype === "bit" && dtype !== "binary") fail(`bit × ${dtype}, expected bit × binary`);
    return {
      kind: "dense",
      inputs,
      output,
      dtype,
      weights: new Int8Array(0),
      tileChannels,
      ...(post !== "none" && { post: readPost(record, ["thresholds", "requantize"], to.channels) }),
      ...(packed !== packings[0] && { packing: packed.name }),
    };
  },

  putFields(view, at, op) {
    view.setUint8(at + OP.dtype, WEIGHT[op.dtype]);
    view.setUint8(at + OP.packing, PACKING[packingOf(op).name]);
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
