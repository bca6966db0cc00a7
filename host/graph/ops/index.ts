import type { Node } from "../graph.ts";
import { addMeaning } from "./add.ts";
import { argmaxMeaning } from "./argmax.ts";
import { avgpoolMeaning } from "./avgpool.ts";
import { concatMeaning } from "./concat.ts";
import { conv2dMeaning } from "./conv2d.ts";
import { denseMeaning } from "./dense.ts";
import { floatMeaning } from "./float.ts";
import { maximumMeaning } from "./maximum.ts";
import { maxpoolMeaning } from "./maxpool.ts";
import type { OpMeaning } from "./meaning.ts";
import { quantizeMeaning } from "./quantize.ts";
import { softmaxMeaning } from "./softmax.ts";
import { stepMeaning } from "./step.ts";
import { upsampleMeaning } from "./upsample.ts";

const MEANINGS: { [Name in Node["op"]]: OpMeaning<Extract<Node, { op: Name }>> } = {
  quantize: quantizeMeaning,
  dense: denseMeaning,
  step: stepMeaning,
  softmax: softmaxMeaning,
  argmax: argmaxMeaning,
  maximum: maximumMeaning,
  conv2d: conv2dMeaning,
  maxpool: maxpoolMeaning,
  avgpool: avgpoolMeaning,
  add: addMeaning,
  concat: concatMeaning,
  upsample: upsampleMeaning,
  float: floatMeaning,
};

/** What nodes of an op mean. */
export function meaningOf({ op }: Pick<Node, "op">): OpMeaning<Node> {
  return MEANINGS[op];
}
