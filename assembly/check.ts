import {
  ABI_VERSION,
  Activation,
  dtypeOf,
  FORMAT_VERSION,
  HEADER_BYTES,
  Header,
  MAGIC,
  MAX_CHANNELS,
  MAX_ROWS,
  OP_BYTES,
  Op,
  OpKind,
  PART_BYTES,
  Packing,
  Part,
  Post,
  REQUIRED,
  rowStride,
  TENSOR_BYTES,
  Tensor,
  WEIGHTS_PART,
} from "./blob";
import { CRC_START, crc32 } from "./crc32";
import { ARGMAX, BIT_TENSOR, packingOf, QUANTIZES_I32, SCORES, SIGN128, TRIT4, TRIT4_ALONE, WIDE } from "./features";
import { BLOCK_ROWS, panelBytes, preparedBytes } from "./kernels";
import { recordBytes } from "./ops/code";
import { isTrit4, stripBuffer, stripBytes, stripsOf } from "./ops/trit4";
import { inGroups, weightRowBytes } from "./packings";
import { DTYPES, OPS, PACKINGS, POSTS, SMALL, STREAMS } from "./profiles";
import { setTables, tensorAt } from "./regions";
import { Status } from "./status";

/** What `checkHead` learns: the weights part, and the largest tile. */
export let weightsOffset: u32 = 0;
export let weightsBytes: u32 = 0;
export let weightsCrc: u32 = 0;
export let largestTile: u32 = 0;
/** What kernels need for prepared rows, a panel and sums; never more for fewer rows. */
export let preparedRows: u64 = 0;

/** Rows that are to be run, and the size of the arena then. */
let rows: u64 = 0;
export let arenaBytes: u64 = 0;

/**
 * Proves everything about the head that memory safety needs, for up to `maxRows` rows (FORMAT.md, "Limits").
 * Sums and products are 64-bit and cannot overflow: channels and rows are at most 2^20, all other factors below 2^32.
 */
export function checkHead(head: usize, blobBytes: u32, maxRows: u32): Status {
  if (blobBytes < HEADER_BYTES) return Status.BadSize;
  if (load<u32>(head, Header.magic) != MAGIC) return Status.BadMagic;
  if (load<u32>(head, Header.formatVersion) != ((<u32>ABI_VERSION) << 16) + FORMAT_VERSION) return Status.BadVersion;
  const headBytes = load<u32>(head, Header.headBytes);
  const totalBytes = load<u32>(head, Header.totalBytes);
  const isWhole = blobBytes == totalBytes || (STREAMS && blobBytes == headBytes);
  if (!isWhole || headBytes > totalBytes) return Status.BadSize;

  const tensorCount: u32 = load<u16>(head, Header.tensorCount);
  let at = head + HEADER_BYTES;
  const tensors = at + load<u16>(head, Header.partCount) * PART_BYTES;
  const ops = tensors + tensorCount * TENSOR_BYTES;
  const ports = ops + load<u16>(head, Header.opCount) * OP_BYTES;
  const inputs: u32 = load<u8>(head, Header.inputCount);
  const outputs: u32 = load<u8>(head, Header.outputCount);
  const end = ports + ((inputs + outputs) << 1);
  const headEnd = head + headBytes;
  if (headEnd != ((end + 19) & ~15) || !(inputs * outputs)) return Status.BadHead;
  if (~crc32(CRC_START, head + 8, headBytes - 12) != load<u32>(headEnd - 4)) return Status.BadChecksum;

  const missing =
    (load<u64>(head, Header.ops) & ~(OPS | ((<u64>PACKINGS) << 32))) |
    (load<u64>(head, Header.posts) & ~(POSTS | ((<u64>DTYPES) << 32)));
  if (missing) return Status.Unsupported;
  if (maxRows - 1 >= load<u32>(head, Header.maxRows) || maxRows > MAX_ROWS) return Status.BadRows; // also 0 rows
  rows = maxRows;
  arenaBytes = load<u32>(head, Header.arenaFixed) + load<u32>(head, Header.arenaPerRow) * rows;

  weightsOffset = 0;
  for (; at < tensors; at += PART_BYTES) {
    const kind = load<u32>(at, Part.kind); // and flags
    if (kind == WEIGHTS_PART) {
      weightsOffset = load<u32>(at, Part.offset);
      weightsBytes = load<u32>(at, Part.bytes);
      weightsCrc = load<u32>(at, Part.crc);
      if (<u64>weightsOffset + weightsBytes > totalBytes) return Status.BadPart;
    } else if (kind & REQUIRED) return Status.Unsupported;
  }
  if (!weightsOffset) return Status.BadPart;
  setTables(tensors, ops);
  for (; at < ops; at += TENSOR_BYTES) {
    const dtype: u32 = load<u8>(at, Tensor.dtype);
    if (dtype >= 32 || !((DTYPES >> dtype) & 1)) return Status.Unsupported;
    if (!fits(at)) return Status.BadTensor;
  }
  if (STREAMS) largestTile = 0;
  if (PACKINGS & TRIT4 || !SMALL) preparedRows = 0;
  for (; at < ports; at += OP_BYTES) {
    const status = checkOp(at, tensorCount);
    if (status) return status;
  }
  for (; at < end; at += 2) {
    if (load<u16>(at) >= tensorCount) return Status.BadHead; // an input or output that does not exist
  }
  return STREAMS && weightsBytes && !largestTile ? Status.BadPart : Status.Ok; // unread weights: no buffer to check them in
}

/** Whether a tensor lies inside the arena; at fewer rows it ends earlier. */
function fits(tensor: usize): bool {
  const perRow: u64 = load<u32>(tensor, Tensor.perRow);
  const end = load<u32>(tensor, Tensor.fixed) + (perRow + rowStride(tensor)) * rows;
  return load<u32>(tensor, Tensor.channels) - 1 < MAX_CHANNELS && end <= arenaBytes;
}

/** Proves that an op's dtypes agree, that this build computes it, and that its tiles lie inside the weights part. */
function checkOp(op: usize, tensorCount: u32): Status {
  const input: u32 = load<u16>(op, Op.input);
  const output: u32 = load<u16>(op, Op.output);
  if (input >= tensorCount || output >= tensorCount) return Status.BadOp;
  const from = dtypeOf(tensorAt(input));
  const to = dtypeOf(tensorAt(output));
  const inputs = load<u32>(tensorAt(input), Tensor.channels);
  let channels = load<u32>(tensorAt(output), Tensor.channels);
  const kind: u32 = load<u8>(op, Op.kind);
  const post: u32 = load<u8>(op, Op.post);
  const packing: u32 = load<u8>(op, Op.packing);
  const isKnown = (kind | packing | post) < 32; // a feature bit stands for it
  if (!isKnown || !((POSTS >> post) & (OPS >> kind) & 1)) return Status.Unsupported;

  const tileChannels: u32 = load<u16>(op, Op.tileChannels);
  const scored: bool = POSTS & SCORES && post == Post.scores; // an argmax
  let sound: bool = post ? to <= Activation.i8 && !scored : to == Activation.i32;
  let weights: u64 = 0; // bytes of a tile before its records
  if (kind == OpKind.dense) {
    if (!(PACKINGS & (1 << packing))) return Status.Unsupported;
    const signs = packing == Packing.sign32 || (PACKINGS & SIGN128 && packing == Packing.sign128);
    if (from > Activation.i8 || (DTYPES & BIT_TENSOR && from == Activation.bit && !signs)) sound = false;
    const whole = inGroups(packing) ? (tileChannels + 15) & ~15 : tileChannels;
    if (TRIT4_ALONE || isTrit4(op)) {
      weights = <u64>stripBytes(op) * stripsOf(inputs);
      preparedRows = max<u64>(preparedRows, stripBytes(op)); // sums
    } else {
      weights = <u64>whole * weightRowBytes(packingOf(op), inputs);
      if (!SMALL && from != Activation.bit)
        preparedRows = max(
          preparedRows,
          panelBytes(packing, <u32>rows, BLOCK_ROWS) + <u64>preparedBytes(packing, inputs, <u32>rows) * rows,
        );
    }
  } else if (OPS & ARGMAX && kind == OpKind.argmax) {
    sound = (from & to) == Activation.i32 && channels == 1 && (!post || scored);
    channels = inputs;
  } else {
    if (from > Activation.i8 && !(DTYPES & (from == Activation.i32 ? QUANTIZES_I32 : WIDE))) return Status.Unsupported;
    if (!post || (DTYPES & BIT_TENSOR && from == Activation.bit) || inputs != channels) sound = false;
  }

  const tileBytes = load<u32>(op, Op.tileBytes);
  const recordsAt = load<u32>(op, Op.recordsAt);
  const records = recordsAt + <u64>load<u16>(op, Op.recordStep) * (tileChannels - 1) + recordBytes(op); // where they end
  if (!sound || !tileChannels || weights > recordsAt || records > tileBytes) return Status.BadOp;
  const offset = load<u32>(op, Op.weights);
  const end = offset + <u64>tileBytes * ((channels + tileChannels - 1) / tileChannels);
  const tiled = !(OPS & ARGMAX) || tileBytes; // an argmax without scores has no tiles
  const outside = i32(offset < weightsOffset) | i32(end > <u64>weightsOffset + weightsBytes);
  if (tiled && outside) return Status.BadOp;
  if (STREAMS) largestTile = max(largestTile, isTrit4(op) ? stripBuffer(op) : tileBytes);
  return Status.Ok;
}
