import type { Op, OpKind, Post } from "../../program.ts";
import { activation } from "./activation.ts";
import { add } from "./add.ts";
import { argmax } from "./argmax.ts";
import { attention } from "./attention.ts";
import { avgpool } from "./avgpool.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { dense } from "./dense.ts";
import { dequantize } from "./dequantize.ts";
import { floatAdd } from "./float_add.ts";
import { floatLinear } from "./float_linear.ts";
import { floatMul } from "./float_mul.ts";
import type { OpFormat } from "./format.ts";
import { layerNorm } from "./layer_norm.ts";
import { linear } from "./linear.ts";
import { maximum } from "./maximum.ts";
import { maxpool } from "./maxpool.ts";
import { mean } from "./mean.ts";
import { patches } from "./patches.ts";
import { pick } from "./pick.ts";
import { positions } from "./positions.ts";
import { quantize } from "./quantize.ts";
import { quantizeRows } from "./quantize_rows.ts";
import { rmsNorm } from "./rms_norm.ts";
import { softmax } from "./softmax.ts";
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
  quantize_rows: quantizeRows,
  dequantize,
  linear,
  float_linear: floatLinear,
  layer_norm: layerNorm,
  rms_norm: rmsNorm,
  activation,
  float_add: floatAdd,
  float_mul: floatMul,
  softmax,
  attention,
  patches,
  positions,
  mean,
  pick,
};

/** How many tensors an op reads: a plane takes one more. */
export function inputCount(kind: OpKind, post: Post["kind"] | "none" | undefined): number {
  return OPS[kind].inputs + (post === "plane" ? 1 : 0);
}

/** How ops of a kind are stored. */
export function opFormat(kind: OpKind): OpFormat<Op> {
  return OPS[kind];
}
