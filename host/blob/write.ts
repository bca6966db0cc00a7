import { checkProgram } from "../arguments.ts";
import { crc32 } from "../crc32.ts";
import type { Op, Program, Requantize, Thresholds } from "../program.ts";
import { encodeDescription } from "./description.ts";
import { featuresOf } from "./features.ts";
import {
  ABI_VERSION,
  ACTIVATION,
  align16,
  FORMAT_VERSION,
  HEADER,
  HEADER_BYTES,
  MAGIC,
  OP,
  OP_BYTES,
  OP_KIND,
  PACKING,
  PART,
  PART_BYTES,
  PART_KIND,
  POST,
  REQUIRED,
  ROUNDING,
  TENSOR,
  TENSOR_BYTES,
  WEIGHT,
} from "./layout.ts";
import { packingOf, transposeBlocks } from "./pack/pack.ts";
import { encodeSelfTest } from "./self_test.ts";
import { recordsOf, type Tiling, tilingOf } from "./tiles.ts";

export interface Part {
  kind: number;
  flags: number;
  bytes: Uint8Array;
}

/**
 * A program as a blob (FORMAT.md). Canonical: the same program gives the same bytes.
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
  parts.push(...unknown);

  const headBytes = headBytesOf(program, parts.length);
  const totalBytes = parts.reduce((at, part) => at + align16(part.bytes.length), headBytes);
  const blob = new Uint8Array(totalBytes);
  const view = new DataView(blob.buffer);
  writeHeader(view, program, parts.length, headBytes);

  let at = HEADER_BYTES;
  let offset = headBytes;
  for (const part of parts) {
    view.setUint16(at + PART.kind, part.kind, true);
    view.setUint16(at + PART.flags, part.flags, true);
    view.setUint32(at + PART.offset, offset, true);
    view.setUint32(at + PART.bytes, part.bytes.length, true);
    view.setUint32(at + PART.crc, crc32(part.bytes), true);
    blob.set(part.bytes, offset);
    at += PART_BYTES;
    offset += align16(part.bytes.length);
  }
  for (const tensor of program.tensors) {
    view.setUint8(at + TENSOR.dtype, ACTIVATION[tensor.dtype]);
    view.setUint32(at + TENSOR.channels, tensor.channels, true);
    view.setUint32(at + TENSOR.fixed, tensor.fixed, true);
    view.setUint32(at + TENSOR.perRow, tensor.perRow, true);
    at += TENSOR_BYTES;
  }
  let weights = headBytes;
  program.ops.forEach((op, i) => {
    const { tiles, tileBytes } = tilings[i]!;
    writeOp(view, at, op, tilings[i]!, tiles === 0 ? 0 : weights);
    weights += tiles * tileBytes;
    at += OP_BYTES;
  });
  for (const tensor of [...program.inputs, ...program.outputs]) {
    view.setUint16(at, tensor, true);
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
  view.setUint32(HEADER.modelVersion, program.modelVersion, true);
  view.setUint32(HEADER.headBytes, headBytes, true);
  view.setUint16(HEADER.partCount, parts, true);
  view.setUint16(HEADER.tensorCount, program.tensors.length, true);
  view.setUint16(HEADER.opCount, program.ops.length, true);
  view.setUint8(HEADER.inputCount, program.inputs.length);
  view.setUint8(HEADER.outputCount, program.outputs.length);
  view.setUint32(HEADER.maxRows, program.maxRows, true);
  view.setUint32(HEADER.arenaFixed, program.arena.fixed, true);
  view.setUint32(HEADER.arenaPerRow, program.arena.perRow, true);
  view.setUint32(HEADER.opFeatures, features.op, true);
  view.setUint32(HEADER.dataFeatures, features.data, true);
}

function writeOp(view: DataView, at: number, op: Op, tiling: Tiling, weights: number): void {
  view.setUint8(at + OP.kind, OP_KIND[op.kind]);
  view.setUint8(at + OP.post, POST[recordsOf(op).post]);
  view.setUint16(at + OP.input, op.input, true);
  view.setUint16(at + OP.output, op.output, true);
  if (op.kind === "dense") {
    view.setUint8(at + OP.dtype, WEIGHT[op.dtype]);
    view.setUint8(at + OP.packing, PACKING[packingOf(op).name]);
  }
  view.setUint32(at + OP.weights, weights, true);
  view.setUint32(at + OP.tileBytes, tiling.tileBytes, true);
  view.setUint32(at + OP.recordsAt, tiling.recordsAt, true);
  view.setUint16(at + OP.tileChannels, tiling.tileChannels, true);
  view.setUint16(at + OP.recordStep, tiling.recordStep, true);
  if (op.kind === "argmax") return;
  if (op.post?.kind === "thresholds") view.setUint16(at + OP.count, op.post.count, true);
  if (op.post?.kind === "requantize") {
    view.setInt16(at + OP.lo, op.post.lo, true);
    view.setInt16(at + OP.hi, op.post.hi, true);
    view.setUint8(at + OP.rounding, ROUNDING[op.post.rounding]);
  }
}

/** The tiles of all ops, one after the other. */
function writeWeights(program: Program, tilings: Tiling[]): Uint8Array {
  const bytes = new Uint8Array(tilings.reduce((sum, { tiles, tileBytes }) => sum + tiles * tileBytes, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  program.ops.forEach((op, i) => {
    const tiling = tilings[i]!;
    for (let tile = 0; tile < tiling.tiles; tile++, at += tiling.tileBytes) writeTile(view, at, op, tiling, tile);
  });
  return bytes;
}

function writeTile(view: DataView, at: number, op: Op, tiling: Tiling, tile: number): void {
  const first = tile * tiling.tileChannels;
  const last = Math.min(first + tiling.tileChannels, tiling.channels);
  if (op.kind === "dense") {
    const inputs = op.weights.length / tiling.channels;
    const { groupChannels, groupBytes } = tiling;
    const packing = packingOf(op);
    for (let m = first, group = at; m < last; m += groupChannels, group += groupBytes) {
      const codes = op.weights.subarray(m * inputs, Math.min(m + groupChannels, last) * inputs);
      packing.pack(view, group, codes, inputs);
    }
    if (packing.blockBytes !== undefined) {
      const groups = Math.ceil(tiling.tileChannels / groupChannels);
      const all = new Uint8Array(view.buffer, view.byteOffset + at, groups * groupBytes);
      all.set(transposeBlocks(all, groups, groupBytes / packing.blockBytes, packing.blockBytes));
    }
  }
  const records = at + tiling.recordsAt;
  if (tiling.recordStep === 0) writeRecord(view, records, op, 0);
  else for (let m = first; m < last; m++) writeRecord(view, records + (m - first) * tiling.recordStep, op, m);
}

/** Record `index` of an op's parameters. */
function writeRecord(view: DataView, at: number, op: Op, index: number): void {
  if (op.kind === "argmax") {
    writeLine(view, at, op.scores!, index);
    return;
  }
  switch (op.post?.kind) {
    case "thresholds":
      writeThresholds(view, at, op.post, index);
      break;
    case "requantize":
      writeLine(view, at, op.post, index);
      view.setUint8(at + 4, op.post.shift[index]!);
      break;
    case "lookup":
      op.post.table.forEach((code, entry) => {
        view.setInt8(at + entry, code);
      });
      break;
  }
}

function writeThresholds(view: DataView, at: number, post: Thresholds, index: number): void {
  view.setInt16(at, post.base[index]!, true);
  view.setUint16(at + 2, post.ups[index]!, true);
  for (let j = 0; j < post.count; j++) view.setInt32(at + 4 + 4 * j, post.steps[index * post.count + j]!, true);
}

function writeLine(view: DataView, at: number, line: Pick<Requantize, "multiplier" | "offset">, index: number): void {
  view.setInt32(at, line.multiplier[index]!, true);
  view.setBigInt64(at + 8, line.offset[index]!, true);
}
