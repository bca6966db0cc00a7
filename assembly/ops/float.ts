import { Activation, Op, OpKind, Packing, Post, Tensor, Weight } from "../blob";
import { TAP8, TRIT4 } from "../features";
import { OPS, PACKINGS } from "../profiles";
import { inputOf, outputOf } from "../regions";
import { Status } from "../status";
import { dtypeOf, positions } from "../tensors";
import { weightsBytes, weightsOffset } from "../weights";
import { activation } from "./activation";
import { affine } from "./affine";
import { attention, attentionFits, attentionScratch } from "./attention";
import { denseTileBytes } from "./dense";
import { dequantize } from "./dequantize";
import { floatAdd } from "./float_add";
import { floatLinear } from "./float_linear";
import { floatMul } from "./float_mul";
import { layerNorm } from "./layer_norm";
import { linear, linearScratch } from "./linear";
import { mean } from "./mean";
import { isByte, secondOf } from "./operands";
import { patches, patchesFit } from "./patches";
import { pick } from "./pick";
import { addPositions, positionsFit } from "./positions";
import { quantizeRows } from "./quantize_rows";
import { rmsNorm } from "./rms_norm";
import { softmax } from "./softmax";

// The ops of float regions: what is proven of each, and what runs it. All write f32, but for quantize_rows, and patches of codes.

/** Whether this build has ops of a kind. */
function has(kind: u32): bool {
  return ((OPS >> kind) & 1) != 0;
}

/** Proves that tensors, own bytes and tiles of an op, whose input and output exist, fit it. */
export function floatFits(op: usize, tensorCount: u32): bool {
  const kind: u32 = load<u8>(op, Op.kind);
  const post: u32 = load<u8>(op, Op.post);
  const packing: u32 = load<u8>(op, Op.packing);
  const input = inputOf(op);
  const output = outputOf(op);
  const from = dtypeOf(input);
  const to = dtypeOf(output);
  const inputs = load<u32>(input, Tensor.channels);
  const channels = load<u32>(output, Tensor.channels);
  const tileChannels: u32 = load<u16>(op, Op.tileChannels);
  const isFloat: bool = from == Activation.f32 && to == Activation.f32;
  const isSame: bool = positions(input) == positions(output) && inputs == channels;

  let sound: bool = false;
  let rows = channels; // that have weights or a record
  let weights: u64 = 0; // bytes of a tile before its records
  let posts: bool = false; // may have a post
  let needsPost: bool = false;
  if (kind == OpKind.quantize_rows) {
    sound = isSame && from == Activation.f32 && to == Activation.scaled8;
  } else if (kind == OpKind.dequantize) {
    posts = needsPost = true;
    sound = isSame && to == Activation.f32 && (isByte(from) || from == Activation.i16 || from == Activation.i32);
  } else if (kind == OpKind.linear || kind == OpKind.float_linear) {
    posts = needsPost = true;
    sound = to == Activation.f32 && positions(input) == positions(output);
    if (kind == OpKind.float_linear) {
      sound = sound && isFloat && packing == Packing.f32;
      weights = (<u64>tileChannels * inputs) << 2;
    } else {
      const isBuilt = (PACKINGS & ~(TRIT4 | TAP8 | 1 | (1 << Packing.f32))) >> packing;
      sound = sound && (isByte(from) || from == Activation.scaled8) && <i32>load<u8>(op, Op.dtype) <= Weight.int8;
      if (!(isBuilt & 1) || !tileChannels) return false;
      weights = denseTileBytes(op, packing, inputs, tileChannels);
    }
  } else if (kind == OpKind.attention) {
    sound = isFloat && isSame && attentionFits(op, tensorCount);
  } else if (kind == OpKind.patches) {
    sound = from == to && (isByte(from) || from == Activation.f32) && patchesFit(op);
  } else if (kind == OpKind.positions) {
    sound = isFloat && packing == Packing.f32 && positionsFit(op);
    rows = positions(output);
    weights = (<u64>tileChannels * inputs) << 2;
  } else if (kind == OpKind.mean || kind == OpKind.pick) {
    sound = isFloat && inputs == channels && positions(output) == 1;
    if (kind == OpKind.pick && <u32>load<u16>(op, Op.position) >= positions(input)) sound = false;
  } else {
    sound = isFloat && isSame;
    posts = kind == OpKind.layer_norm || kind == OpKind.rms_norm;
    if (kind == OpKind.float_add || kind == OpKind.float_mul) {
      if (<u32>load<u16>(op, Op.second) >= tensorCount) return false;
      const second = secondOf(op);
      if (dtypeOf(second) != to || positions(second) != positions(output)) sound = false;
      if (load<u32>(second, Tensor.channels) != channels) sound = false;
    }
  }
  if (post ? !posts || post != Post.float : needsPost) return false;
  if (!sound) return false;
  if (!post && !weights) return true; // and has no tiles

  const tileBytes = load<u32>(op, Op.tileBytes);
  const recordsAt = load<u32>(op, Op.recordsAt);
  const records = recordsAt + <u64>load<u16>(op, Op.recordStep) * (tileChannels - 1) + (post ? 8 : 0); // where they end
  if (!tileChannels || weights > recordsAt || records > tileBytes) return false;
  const offset = load<u32>(op, Op.weights);
  const end = offset + <u64>tileBytes * ((rows + tileChannels - 1) / tileChannels);
  return offset >= weightsOffset && end <= <u64>weightsOffset + weightsBytes;
}

/** Bytes of scratch that an op which fits needs for so many rows. */
export function floatScratch(op: usize, rows: u32): u64 {
  const kind: u32 = load<u8>(op, Op.kind);
  if (has(OpKind.attention) && kind == OpKind.attention) return attentionScratch(op);
  if (!has(OpKind.linear) || kind != OpKind.linear) return 0;
  const input = inputOf(op);
  return linearScratch(load<u8>(op, Op.packing), load<u32>(input, Tensor.channels), rows * positions(input));
}

/** Runs an op, which has been checked, on all rows. */
export function float(op: usize): Status {
  const kind: u32 = load<u8>(op, Op.kind);
  if (has(OpKind.linear) && kind == OpKind.linear) return linear(op);
  if (has(OpKind.float_linear) && kind == OpKind.float_linear) return floatLinear(op);
  if (has(OpKind.positions) && kind == OpKind.positions) return addPositions(op);
  if (has(OpKind.dequantize) && kind == OpKind.dequantize) dequantize(op);
  else if (has(OpKind.layer_norm) && kind == OpKind.layer_norm) layerNorm(op);
  else if (has(OpKind.rms_norm) && kind == OpKind.rms_norm) rmsNorm(op);
  else if (has(OpKind.quantize_rows) && kind == OpKind.quantize_rows) quantizeRows(op);
  else if (has(OpKind.activation) && kind == OpKind.activation) activation(op);
  else if (has(OpKind.float_add) && kind == OpKind.float_add) floatAdd(op);
  else if (has(OpKind.float_mul) && kind == OpKind.float_mul) floatMul(op);
  else if (has(OpKind.softmax) && kind == OpKind.softmax) softmax(op);
  else if (has(OpKind.attention) && kind == OpKind.attention) attention(op);
  else if (has(OpKind.patches) && kind == OpKind.patches) patches(op);
  else if (has(OpKind.mean) && kind == OpKind.mean) mean(op);
  else pick(op);
  return load<u8>(op, Op.post) ? affine(op) : Status.Ok;
}
