import type { Op, OpKind, Post } from "../../program.ts";
import { add } from "./add.ts";
import { argmax } from "./argmax.ts";
import { avgpool } from "./avgpool.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import type { OpFormat } from "./format.ts";
import { maximum } from "./maximum.ts";
import { maxpool } from "./maxpool.ts";
import { quantize } from "./quantize.ts";
import { upsample } from "./upsample.ts";

const OPS: { [Kind in OpKind]: OpFormat<Op<Kind>> } = {
  quantize,
  dense,
  argmax,
  maximum,
  conv2d,
  add,
  maxpool,
  avgpool,
  concat,
  upsample,
};

/** How many tensors an op reads: a plane takes one more. */
export function inputCount(kind: OpKind, post: Post["kind"] | "none" | undefined): number {
  return OPS[kind].inputs + (post === "plane" ? 1 : 0);
}

/** How ops of a kind are stored. */
export function opFormat(kind: OpKind): OpFormat<Op> {
  return OPS[kind];
}
