import { crc32 } from "../base/crc32.ts";
import { BlobError } from "../base/errors.ts";
import {
  type FloatsOp,
  hasFloats,
  isWeighted,
  type Op,
  type Program,
  type Tensor,
  type WeightedOp,
} from "../program.ts";
import { checkProgram } from "./check_program.ts";
import { encodeDescription } from "./description.ts";
import { featuresOf } from "./features.ts";
import { checkField, putField } from "./fields.ts";
import {
  ABI_VERSION,
  ACTIVATION,
  align16,
  FORMAT_VERSION,
  HEADER,
  HEADER_BYTES,
  INPUTS,
  MAGIC,
  OP,
  OP_BYTES,
  OP_KIND,
  PART,
  PART_BYTES,
  PART_KIND,
  POST,
  REQUIRED,
  TENSOR,
  TENSOR_BYTES,
} from "./layout.ts";
import { opFormat } from "./ops/index.ts";
import { packingOf, transposeBlocks } from "./pack/pack.ts";
import { packPadded } from "./pack/padded.ts";
import { postFormat } from "./posts/index.ts";
import { encodeSelfTest } from "./self_test.ts";
import { channelsOfTile, type Tiling, tilingOf, weightCount } from "./tiles.ts";

export interface Part {
  kind: number;
  flags: number;
  bytes: Uint8Array;
}

/**
 * A program as a blob (FORMAT.md). Canonical: the same program gives the same bytes. Throws BlobError for what the format cannot hold: a number
 * too large for its field, 10,000 outputs for example.
 * `unknown` are parts of a later format that a reader has skipped, in the order of their kinds.
 */
export function writeBlob(program: Program, unknown: readonly Part[] = []): Uint8Array {
  checkProgram(program);
  const tilings = program.ops.map((op) => tilingOf(program, op));
  const parts: Part[] = [{ kind: PART_KIND.weights, flags: REQUIRED, bytes: writeWeights(program, tilings) }];
  if (program.description) {
    parts.push({ kind: PART_KIND.description, flags: 0, bytes: encodeDescription(program.description) });
  }
  if (program.selfTest) parts.push({ kind: PART_KIND.selfTest, flags: 0, bytes: encodeSelfTest(program.selfTest) });
  for (const part of unknown) parts.push(part);

  const headBytes = headBytesOf(program, parts.length);
  const totalBytes = parts.reduce((at, part) => at + align16(part.bytes.length), headBytes);
  checkField(HEADER.totalBytes, "u32", totalBytes, "bytes of the blob");
  const blob = new Uint8Array(totalBytes);
  const view = new DataView(blob.buffer);
  writeHeader(view, program, parts.length, headBytes);

  let at = HEADER_BYTES;
  let offset = headBytes;
  for (const part of parts) {
    putField(view, at + PART.kind, "u16", part.kind, "kind of a part");
    putField(view, at + PART.flags, "u16", part.flags, "flags of a part");
    view.setUint32(at + PART.offset, offset, true);
    view.setUint32(at + PART.bytes, part.bytes.length, true);
    view.setUint32(at + PART.crc, crc32(part.bytes), true);
    blob.set(part.bytes, offset);
    at += PART_BYTES;
    offset += align16(part.bytes.length);
  }
  for (const tensor of program.tensors) {
    view.setUint8(at + TENSOR.dtype, ACTIVATION[tensor.dtype]);
    putField(view, at + TENSOR.height, "u16", tensor.height, "height of a tensor");
    putField(view, at + TENSOR.width, "u16", tensor.width, "width of a tensor");
    putField(view, at + TENSOR.channels, "u32", tensor.channels, "channels of a tensor");
    putField(view, at + TENSOR.fixed, "u32", tensor.fixed, "fixed bytes before a tensor");
    putField(view, at + TENSOR.perRow, "u32", tensor.perRow, "bytes per row before a tensor");
    at += TENSOR_BYTES;
  }
  let weights = headBytes;
  program.ops.forEach((op, i) => {
    const { tiles, tileBytes } = tilings[i]!;
    writeOp(view, at, op, program.tensors[op.output]!, tilings[i]!, tiles === 0 ? 0 : weights);
    weights += tiles * tileBytes;
    at += OP_BYTES;
  });
  for (const tensor of [...program.inputs, ...program.outputs]) {
    putField(view, at, "u16", tensor, "tensor of an input or output");
    at += 2;
  }
  view.setUint32(headBytes - 4, crc32(blob.subarray(8, headBytes - 4)), true);
  view.setUint32(HEADER.crc, crc32(blob.subarray(8)), true);
  return blob;
}

/** Bytes of the head: header, tables and checksum, padded. */
export function headBytesOf(program: Program, parts: number): number {
  const { tensors, ops, inputs, outputs } = program;
  const tables = parts * PART_BYTES + tensors.length * TENSOR_BYTES + ops.length * OP_BYTES;
  return align16(HEADER_BYTES + tables + 2 * (inputs.length + outputs.length) + 4);
}

/** All of the header but its checksum. */
function writeHeader(view: DataView, program: Program, parts: number, headBytes: number): void {
  const features = featuresOf(program);
  view.setUint32(HEADER.magic, MAGIC, true);
  view.setUint16(HEADER.formatVersion, FORMAT_VERSION, true);
  view.setUint16(HEADER.abiVersion, ABI_VERSION, true);
  view.setUint32(HEADER.totalBytes, view.byteLength, true);
  view.setBigUint64(HEADER.modelId, program.modelId, true);
  putField(view, HEADER.modelVersion, "u32", program.modelVersion, "model version");
  view.setUint32(HEADER.headBytes, headBytes, true);
  putField(view, HEADER.partCount, "u16", parts, "number of parts");
  putField(view, HEADER.tensorCount, "u16", program.tensors.length, "number of tensors");
  putField(view, HEADER.opCount, "u16", program.ops.length, "number of ops");
  putField(view, HEADER.inputCount, "u8", program.inputs.length, "number of inputs");
  putField(view, HEADER.outputCount, "u8", program.outputs.length, "number of outputs");
  putField(view, HEADER.maxRows, "u32", program.maxRows, "number of rows");
  putField(view, HEADER.arenaFixed, "u32", program.arena.fixed, "fixed bytes of the arena");
  putField(view, HEADER.arenaPerRow, "u32", program.arena.perRow, "bytes of the arena per row");
  view.setUint32(HEADER.ops, features.ops, true);
  view.setUint32(HEADER.packings, features.packings, true);
  view.setUint32(HEADER.posts, features.posts, true);
  view.setUint32(HEADER.dtypes, features.dtypes, true);
}

function writeOp(view: DataView, at: number, op: Op, to: Tensor, tiling: Tiling, weights: number): void {
  view.setUint8(at + OP.kind, OP_KIND[op.kind]);
  view.setUint8(at + OP.post, POST[op.post?.kind ?? "none"]);
  for (const [i, input] of op.inputs.entries()) putField(view, at + INPUTS[i]!, "u16", input, "input of an op");
  putField(view, at + OP.output, "u16", op.output, "output of an op");
  view.setUint32(at + OP.weights, weights, true);
  view.setUint32(at + OP.tileBytes, tiling.tileBytes, true);
  view.setUint32(at + OP.recordsAt, tiling.recordsAt, true);
  putField(view, at + OP.tileChannels, "u16", tiling.tileChannels, "channels of a tile");
  putField(view, at + OP.recordStep, "u16", tiling.recordStep, "bytes of a record");
  opFormat(op.kind).putFields?.(view, at, op);
  if (op.post) postFormat(op.post.kind).putFields?.(view, at, op.post, to.dtype === "u8");
}

/** The tiles of all ops, one after the other. */
function writeWeights(program: Program, tilings: Tiling[]): Uint8Array {
  const size = tilings.reduce((sum, { tiles, tileBytes }) => sum + tiles * tileBytes, 0);
  checkField(HEADER.totalBytes, "u32", size, "bytes of weights");
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  program.ops.forEach((op, i) => {
    const tiling = tilings[i]!;
    for (let tile = 0; tile < tiling.tiles; tile++, at += tiling.tileBytes) writeTile(view, at, op, tiling, tile);
  });
  return bytes;
}

function writeTile(view: DataView, at: number, op: Op, tiling: Tiling, tile: number): void {
  const [first, last] = channelsOfTile(tiling, tile);
  if (isWeighted(op)) writeWeightsOf(view, at, op, tiling, first, last);
  if (hasFloats(op)) writeFloats(view, at, op, tiling, first, last);
  if (!op.post) return;
  const format = postFormat(op.post.kind);
  const records = at + tiling.recordsAt;
  if (tiling.recordStep === 0) format.write(view, records, op.post, 0);
  else for (let m = first; m < last; m++) format.write(view, records + (m - first) * tiling.recordStep, op.post, m);
}

/** The f32 weights of channels `first` … `last` − 1 as a tile at byte `at`. Throws BlobError for one that is not finite. */
function writeFloats(view: DataView, at: number, op: FloatsOp, tiling: Tiling, first: number, last: number): void {
  const count = weightCount(tiling);
  for (const [i, weight] of op.floats.subarray(first * count, last * count).entries()) {
    if (!Number.isFinite(weight))
      throw new BlobError(at, `f32 weight ${first * count + i} is ${weight}, expected finite numbers`);
    view.setFloat32(at + 4 * i, weight, true);
  }
}

/** The weights of channels `first` … `last` − 1 as a tile at byte `at`. */
function writeWeightsOf(view: DataView, at: number, op: WeightedOp, tiling: Tiling, first: number, last: number): void {
  const { tileChannels, groupChannels, groupBytes } = tiling;
  const count = weightCount(tiling);
  const packing = packingOf(op);
  for (let m = first, group = at; m < last; m += groupChannels, group += groupBytes) {
    const codes = op.weights.subarray(m * count, Math.min(m + groupChannels, last) * count);
    packPadded(packing, view, group, codes, tiling.columns);
  }
  if (packing.blockBytes === undefined) return;
  const groups = Math.ceil(tileChannels / groupChannels);
  const all = new Uint8Array(view.buffer, view.byteOffset + at, groups * groupBytes);
  all.set(transposeBlocks(all, groups, groupBytes / packing.blockBytes, packing.blockBytes));
}
