import type { Node } from "../../graph/graph.ts";
import { addLowering } from "./add.ts";
import { argmaxLowering } from "./argmax.ts";
import { avgpoolLowering } from "./avgpool.ts";
import { codesLowering } from "./codes.ts";
import { concatLowering } from "./concat.ts";
import { conv2dLowering } from "./conv2d.ts";
import { denseLowering } from "./dense.ts";
import { floatLowering } from "./float.ts";
import type { OpLowering } from "./lowering.ts";
import { maximumLowering } from "./maximum.ts";
import { maxpoolLowering } from "./maxpool.ts";
import { softmaxLowering } from "./softmax.ts";
import { upsampleLowering } from "./upsample.ts";

const LOWERINGS: { [Name in Node["op"]]: OpLowering<Extract<Node, { op: Name }>> } = {
  quantize: codesLowering,
  step: codesLowering,
  dense: denseLowering,
  softmax: softmaxLowering,
  argmax: argmaxLowering,
  maximum: maximumLowering,
  conv2d: conv2dLowering,
  maxpool: maxpoolLowering,
  avgpool: avgpoolLowering,
  add: addLowering,
  concat: concatLowering,
  upsample: upsampleLowering,
  float: floatLowering,
};

/** How nodes of an op are lowered. */
export function loweringOf({ op }: Pick<Node, "op">): OpLowering<Node> {
  return LOWERINGS[op];
}
