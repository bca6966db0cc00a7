import { Activation, Form, MAX_CHANNELS, Op, OpKind, Packing, Post, Tensor } from "./blob";
import {
  ADD,
  ARGMAX,
  AVGPOOL,
  CONCAT,
  CONV2D,
  FLOATS,
  MAXIMUM,
  MAXPOOL,
  PICTURES,
  PLANE,
  SCORES,
  TRIT4,
  TRIT4_ALONE,
  UPSAMPLE,
} from "./features";
import { LANES } from "./kernels";
import { isAdd } from "./ops/add";
import { argmax, argmaxFits } from "./ops/argmax";
import { isAvgpool } from "./ops/avgpool";
import { recordBytes } from "./ops/code";
import { concat } from "./ops/concat";
import { conv2d, conv2dFits, conv2dScratch } from "./ops/conv2d";
import { denseFits, denseScratch, denseTileBytes } from "./ops/dense";
import { float, floatFits, floatScratch } from "./ops/float";
import { layer } from "./ops/layer";
import { maximum } from "./ops/maximum";
import { maxpool } from "./ops/maxpool";
import { isByte, operandsFit, secondOf } from "./ops/operands";
import { columnsOf } from "./ops/patch";
import { isQuads, quads, quadsScratch, TABLES } from "./ops/quads";
import { quantizeFits, quantizeIsBuilt } from "./ops/quantize";
import { isScattered, scatter, scatterFits, scatterScratch } from "./ops/scatter";
import { isTrit4, stripBuffer, trit4 } from "./ops/trit4";
import { isUpsample, windowFits } from "./ops/window";
import { isDepthwise } from "./packings";
import { DTYPES, OPS, PACKINGS, POSTS, SMALL, STREAMS } from "./profiles";
import { rows, tensorAt } from "./regions";
import { Status } from "./status";
import { dtypeOf, positions } from "./tensors";
import { weightsBytes, weightsOffset } from "./weights";

// The only file that tells kinds of ops apart: what `ops/` proves of an op, and what runs it.

/** What ops need: the largest tile, and scratch for prepared rows, a panel and sums; never more for fewer rows. */
export let largestTile: u32 = 0;
export let preparedRows: u64 = 0;

/** Before the first op of a blob is checked. */
export function clearNeeds(): void {
  if (STREAMS) largestTile = 0;
  if (PACKINGS & TRIT4 || !SMALL) preparedRows = 0;
}

/** Proves that an op's dtypes agree, that this build computes it, and that its tiles lie inside the weights part. */
export function checkOp(op: usize, tensorCount: u32, rows: u32): Status {
  const input: u32 = load<u16>(op, Op.input);
  const output: u32 = load<u16>(op, Op.output);
  if (input >= tensorCount || output >= tensorCount) return Status.BadOp;
  const from = dtypeOf(tensorAt(input));
  const to = dtypeOf(tensorAt(output));
  let inputs = load<u32>(tensorAt(input), Tensor.channels);
  const channels = load<u32>(tensorAt(output), Tensor.channels);
  const kind: u32 = load<u8>(op, Op.kind);
  const post: u32 = load<u8>(op, Op.post);
  const packing: u32 = load<u8>(op, Op.packing);
  const isKnown = (kind | packing | post) < 32; // a feature bit stands for it
  if (!isKnown || !((POSTS >> post) & (OPS >> kind) & 1)) return Status.Unsupported;
  if (OPS & FLOATS && <i32>kind >= OpKind.quantize_rows) {
    if (!floatFits(op, tensorCount)) return Status.BadOp;
    preparedRows = max(preparedRows, floatScratch(op, rows));
    if (STREAMS) largestTile = max(largestTile, load<u32>(op, Op.tileBytes));
    return Status.Ok;
  }
  if (OPS & FLOATS && post == Post.float) return Status.BadOp;

  const tileChannels: u32 = load<u16>(op, Op.tileChannels);
  const scored: bool = POSTS & SCORES && post == Post.scores; // an argmax
  let sound: bool = post ? to <= Activation.i8 && !scored : to == Activation.i32;
  let weights: u64 = 0; // bytes of a tile before its records
  let span = channels; // of a tile
  let groups: u32 = 1; // that have tiles of their own
  const convolves = OPS & CONV2D && kind == OpKind.conv2d;
  const picks = (OPS & MAXPOOL && kind == OpKind.maxpool) || (OPS & UPSAMPLE && kind == OpKind.upsample);
  const pools = picks || (OPS & AVGPOOL && kind == OpKind.avgpool);
  if ((convolves || pools) && !windowFits(op)) return Status.BadOp;
  const pairs =
    OPS & (MAXIMUM | ADD | CONCAT) && (kind == OpKind.maximum || kind == OpKind.add || kind == OpKind.concat);
  const isPlane: bool = POSTS & PLANE && post == Post.plane;
  let others = channels; // of the second operand
  if (pairs || isPlane) {
    // that of a plane lies in its rows as the output does
    if (!operandsFit(op, tensorCount, tensorAt(isPlane ? output : input))) return Status.BadOp;
    others = load<u32>(secondOf(op), Tensor.channels);
  }
  if (kind == OpKind.dense || convolves) {
    if (!(PACKINGS & (1 << packing))) return Status.Unsupported;
    if (!inline.always(denseFits(from, packing))) sound = false;
    if (isDepthwise(op) && !(convolves && load<u16>(op, Op.groups) == inputs)) sound = false;
    if (convolves) {
      if (!conv2dFits(op, from, inputs, channels)) return Status.BadOp;
      if (!isDepthwise(op)) groups = load<u16>(op, Op.groups);
      span /= groups;
      inputs = columnsOf(op, from, inputs);
      if (inputs - 1 >= MAX_CHANNELS) return Status.BadOp; // also 0 taps
      const form = load<u8>(op, Op.form);
      const isPair = i32(form == Form.pair) & i32(packing == Packing.field8);
      if (form && !isPair && !(isScattered(op) && isTrit4(op) && scatterFits(op, tensorAt(input)))) return Status.BadOp;
      const count = rows * positions(tensorAt(output));
      const needs = isScattered(op)
        ? scatterScratch(op, tensorAt(output))
        : TABLES && isQuads(op, count)
          ? quadsScratch()
          : conv2dScratch(op, from, packing, inputs, count);
      preparedRows = max(preparedRows, needs);
    } else if (DTYPES & PICTURES && (positions(tensorAt(input)) | positions(tensorAt(output))) > 1) {
      sound = false;
    } else if (PACKINGS & TRIT4 || !SMALL) {
      let needs = inline.always(denseScratch(op, from, packing, inputs, rows));
      if (TABLES && isQuads(op, min(rows, LANES))) needs = max(needs, quadsScratch()); // of some number of rows
      preparedRows = max(preparedRows, needs);
    }
    weights = inline.always(denseTileBytes(op, packing, inputs, tileChannels));
  } else if (OPS & ARGMAX && kind == OpKind.argmax) {
    sound = inline.always(argmaxFits(from, to, channels)) && (!post || scored);
    span = inputs;
  } else if (pairs) {
    if (kind != OpKind.add || isPlane) sound = !post && isByte(to);
    if (OPS & CONCAT && kind == OpKind.concat) {
      inputs += others;
      others = channels;
    }
    if (inputs != channels) sound = false;
  } else if (pools) {
    if (from > Activation.i8 || inputs != channels || (picks && (post || from != to))) sound = false;
    else if (picks) sound = true;
  } else {
    if (!inline.always(quantizeIsBuilt(from))) return Status.Unsupported;
    if (!post || !inline.always(quantizeFits(from, inputs, channels))) sound = false;
  }

  const tileBytes = load<u32>(op, Op.tileBytes);
  const recordsAt = load<u32>(op, Op.recordsAt);
  const records = recordsAt + <u64>load<u16>(op, Op.recordStep) * (tileChannels - 1) + recordBytes(op); // where they end
  if (!sound || others != channels || !tileChannels || weights > recordsAt || records > tileBytes) return Status.BadOp;
  const offset = load<u32>(op, Op.weights);
  const tiles = ((span + tileChannels - 1) / tileChannels) * groups;
  const end = offset + <u64>tileBytes * tiles;
  if (
    DTYPES & PICTURES &&
    !(kind == OpKind.dense || convolves || pools) &&
    positions(tensorAt(input)) != positions(tensorAt(output))
  ) {
    return Status.BadOp;
  }
  const tiled = !(OPS & (ARGMAX | MAXIMUM | MAXPOOL | AVGPOOL | ADD | CONCAT | UPSAMPLE)) || tileBytes; // ops without records have no tiles
  const outside = i32(offset < weightsOffset) | i32(end > <u64>weightsOffset + weightsBytes);
  if (tiled && outside) return Status.BadOp;
  if (STREAMS) largestTile = max(largestTile, isTrit4(op) ? stripBuffer(op) : tileBytes);
  return Status.Ok;
}

/** Runs an op, which has been checked, on all rows. */
export function run(op: usize): Status {
  if (OPS & FLOATS && <i32>load<u8>(op, Op.kind) >= OpKind.quantize_rows) return float(op);
  if (TABLES && isQuads(op, rows)) return quads(op);
  if (OPS & MAXIMUM && load<u8>(op, Op.kind) == OpKind.maximum) return maximum(op);
  if (OPS & CONV2D && load<u8>(op, Op.kind) == OpKind.conv2d)
    return isTrit4(op) ? (isScattered(op) ? scatter(op) : trit4(op)) : conv2d(op);
  if (OPS & (MAXPOOL | UPSAMPLE) && (load<u8>(op, Op.kind) == OpKind.maxpool || isUpsample(op))) return maxpool(op);
  if (OPS & CONCAT && load<u8>(op, Op.kind) == OpKind.concat) return concat(op);
  return OPS & ARGMAX && load<u8>(op, Op.kind) == OpKind.argmax
    ? argmax(op)
    : TRIT4_ALONE && !isAvgpool(op) && !isAdd(op)
      ? trit4(op)
      : layer(op);
}
