import type { Op, RegionKind } from "../program.ts";
import type { Shape } from "../shape.ts";
import { activation } from "./activation.ts";
import { attention } from "./attention.ts";
import { dequantize } from "./dequantize.ts";
import { floatAdd } from "./float_add.ts";
import { floatLinear } from "./float_linear.ts";
import { floatMul } from "./float_mul.ts";
import { layerNorm } from "./layer_norm.ts";
import { linear } from "./linear.ts";
import { mean } from "./mean.ts";
import { patches } from "./patches.ts";
import { pick } from "./pick.ts";
import { positions } from "./positions.ts";
import { quantizeRows } from "./quantize_rows.ts";
import { rmsNorm } from "./rms_norm.ts";
import { softmax } from "./softmax.ts";

type Run<O extends Op> = (
  op: O,
  inputs: readonly Int32Array[],
  output: Int32Array,
  from: readonly Shape[],
  to: Shape,
) => void;

/** Runs an op of a float region on one row of its tensors. The evaluator of graphs computes with these, too: there is one meaning (design: numbers mean one thing). */
export const REGION_OPS: { [Kind in RegionKind]: Run<Op<Kind>> } = {
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
