import { checkBytes } from "../base/arguments.ts";
import { crc32 } from "../base/crc32.ts";
import { Cursor } from "../base/cursor.ts";
import { BlobError } from "../base/errors.ts";
import { MAX_ELEMENTS } from "../base/limits.ts";
import {
  type ActivationDtype,
  type FloatsOp,
  hasFloats,
  isWeighted,
  type Op,
  type OpKind,
  type Program,
  type Tensor,
  type WeightDtype,
  type WeightedOp,
} from "../program.ts";
import { elementBytes, elementCount, rowStride } from "../shape.ts";
import { checkArena } from "./arena.ts";
import { decodeDescription } from "./description.ts";
import {
  ABI_VERSION,
  ACTIVATION,
  align16,
  FORMAT_VERSION,
  HEADER,
  HEADER_BYTES,
  MAGIC,
  MAX_CHANNELS,
  MAX_ROWS,
  OP,
  OP_BYTES,
  OP_KIND,
  OWN_SHIFTS,
  PACKING,
  PART,
  PART_KIND,
  POST,
  REQUIRED,
  ROUNDING,
  TENSOR,
  WEIGHT,
} from "./layout.ts";
import { inputCount, opFormat } from "./ops/index.ts";
import { packingOf, transposeBlocks, WEIGHTS } from "./pack/pack.ts";
import { unpackPadded } from "./pack/padded.ts";
import { postFormat } from "./posts/index.ts";
import { decodeSelfTest } from "./self_test.ts";
import { channelsOfTile, type Tiling, tilingOf, weightCount } from "./tiles.ts";
import { type Part as OptionalPart, writeBlob } from "./write.ts";

/**
 * Reads an untrusted blob (FORMAT.md). Throws BlobError with the byte at which it breaks the format.
 * The last check writes the program again: whatever this reader did not look at must be what a writer makes.
 */
export function readBlob(bytes: Uint8Array): Program {
  return readWhole(bytes).program;
}

/** The same, with the optional parts of a later format, which a writer can put back. */
export function readWhole(bytes: Uint8Array): { program: Program; unknown: OptionalPart[] } {
  checkBytes("blob", bytes);
  const cursor = new Cursor(bytes, (offset, message) => new BlobError(offset, message));
  const header = readHeader(cursor, bytes);
  const parts = readParts(cursor, header);
  const tensors = Array.from({ length: header.tensorCount }, () => readTensor(cursor, header));
  const opsAt = cursor.offset;
  const ops = readOps(cursor, bytes, header.opCount, tensors, parts.get(PART_KIND.weights)!);
  const portsAt = cursor.offset;
  const port = () => {
    const at = cursor.offset;
    const tensor = index(cursor, "tensor", tensors.length);
    if (tensors[tensor]!.dtype !== "scaled8") return tensor;
    throw new BlobError(at, `tensor ${tensor} is scaled8, expected an input or output of one number for each element`);
  };
  const program: Program = {
    modelId: header.modelId,
    modelVersion: header.modelVersion,
    maxRows: header.maxRows,
    arena: { fixed: header.arenaFixed, perRow: header.arenaPerRow },
    tensors,
    ops,
    inputs: Array.from({ length: header.inputCount }, port),
    outputs: Array.from({ length: header.outputCount }, port),
  };
  checkHeadSize(header, cursor);
  checkArena(program, { ops: opsAt, ports: portsAt });
  const description = parts.get(PART_KIND.description);
  if (description) {
    cursor.seek(description.offset);
    program.description = decodeDescription(cursor.bytes(description.bytes), description.offset, program);
  }
  const selfTest = parts.get(PART_KIND.selfTest);
  if (selfTest) {
    cursor.seek(selfTest.offset);
    const size = (ports: number[]) => ports.reduce((sum, t) => sum + elementBytes(tensors[t]!), 0);
    const expected = { input: size(program.inputs), output: size(program.outputs) };
    program.selfTest = decodeSelfTest(cursor, selfTest.bytes, expected);
  }
  const unknown = [...parts]
    .filter(([kind]) => !Object.values<number>(PART_KIND).includes(kind))
    .map(([kind, part]) => ({ kind, flags: part.flags, bytes: bytes.subarray(part.offset, part.offset + part.bytes) }));
  checkCanonical(bytes, program, unknown);
  return { program, unknown };
}

interface Header {
  headBytes: number;
  modelId: bigint;
  modelVersion: number;
  partCount: number;
  tensorCount: number;
  opCount: number;
  inputCount: number;
  outputCount: number;
  maxRows: number;
  arenaFixed: number;
  arenaPerRow: number;
}

function readHeader(cursor: Cursor, bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) throw new BlobError(0, `${bytes.length} bytes, expected at least ${HEADER_BYTES}`);
  expectAt(HEADER.magic, "magic", cursor.u32(), MAGIC);
  const crc = cursor.u32();
  expectAt(HEADER.formatVersion, "format version", cursor.u16(), FORMAT_VERSION);
  expectAt(HEADER.abiVersion, "ABI version", cursor.u16(), ABI_VERSION);
  expectAt(HEADER.totalBytes, "size", cursor.u32(), bytes.length);
  expectAt(HEADER.crc, "checksum of the blob", crc, crc32(bytes.subarray(8)));
  const [modelId, modelVersion, headBytes] = [cursor.u64(), cursor.u32(), cursor.u32()];
  expectAt(HEADER.stateBytes, "bytes of state", cursor.u32(), 0);
  const [partCount, tensorCount, opCount] = [cursor.u16(), cursor.u16(), cursor.u16()];
  const [inputCount, outputCount, maxRows] = [cursor.u8(), cursor.u8(), cursor.u32()];
  const [arenaFixed, arenaPerRow] = [cursor.u32(), cursor.u32()];
  cursor.skip(16); // features: compared when the program is written again
  expectAt(HEADER.context, "positions of state", cursor.u32(), 0);
  cursor.skip(4);
  if (inputCount === 0) throw new BlobError(HEADER.inputCount, "no inputs, expected at least 1");
  if (outputCount === 0) throw new BlobError(HEADER.outputCount, "no outputs, expected at least 1");
  if (maxRows < 1 || maxRows > MAX_ROWS) {
    throw new BlobError(HEADER.maxRows, `up to ${maxRows} rows, expected 1 to ${MAX_ROWS}`);
  }
  if (arenaFixed % 16 || arenaPerRow % 16) {
    throw new BlobError(HEADER.arenaFixed, `arena of ${arenaFixed} + ${arenaPerRow} per row, expected multiples of 16`);
  }
  return {
    headBytes,
    modelId,
    modelVersion,
    partCount,
    tensorCount,
    opCount,
    inputCount,
    outputCount,
    maxRows,
    arenaFixed,
    arenaPerRow,
  };
}

/** Throws if the field at byte `at` is not what it must be. */
function expectAt(at: number, what: string, found: number, expected: number): void {
  if (found !== expected) {
    throw new BlobError(at, `${what} 0x${found.toString(16)}, expected 0x${expected.toString(16)}`);
  }
}

/** An index into a table of `count` entries. */
function index(cursor: Cursor, table: string, count: number): number {
  const at = cursor.offset;
  const found = cursor.u16();
  if (found >= count) throw new BlobError(at, `${table} ${found}, but there are ${count}`);
  return found;
}

/** The name of a code in one of layout.ts's tables. */
function nameOf<Name extends string>(table: Record<Name, number>, code: number, at: number, what: string): Name {
  const name = (Object.keys(table) as Name[]).find((key) => table[key] === code);
  if (name === undefined) throw new BlobError(at, `${what} ${code}, expected one of ${JSON.stringify(table)}`);
  return name;
}

interface Part {
  flags: number;
  offset: number;
  bytes: number;
}

/** The parts by kind. They ascend and do not overlap, so that all checksums together take one pass. */
function readParts(cursor: Cursor, { partCount, headBytes }: Header): Map<number, Part> {
  const parts = new Map<number, Part>();
  let [last, end] = [0, headBytes];
  for (let i = 0; i < partCount; i++) {
    const at = cursor.offset;
    const [kind, flags, offset, bytes] = [cursor.u16(), cursor.u16(), cursor.u32(), cursor.u32()];
    const crc = cursor.u32();
    const next = cursor.offset;
    if (kind <= last) throw new BlobError(at, `part of kind ${kind} behind one of ${last}, expected ascending kinds`);
    if (offset !== end) throw new BlobError(at + PART.offset, `part ${i} at byte ${offset}, expected ${end}`);
    cursor.seek(offset);
    expectAt(at + PART.crc, `checksum of part ${i}`, crc, crc32(cursor.bytes(bytes)));
    cursor.seek(next);
    if (flags & REQUIRED && !Object.values<number>(PART_KIND).includes(kind))
      throw new BlobError(at, `part of unknown kind ${kind} is required`);
    parts.set(kind, { flags, offset, bytes });
    [last, end] = [kind, align16(offset + bytes)];
  }
  if (!parts.has(PART_KIND.weights)) throw new BlobError(HEADER_BYTES, "no weights part");
  return parts;
}

function readTensor(cursor: Cursor, header: Header): Tensor {
  const at = cursor.offset;
  const dtype = nameOf<ActivationDtype>(ACTIVATION, cursor.u8(), at, "activation dtype");
  cursor.skip(3);
  const [height, width, channels] = [cursor.u16(), cursor.u16(), cursor.u32()];
  const tensor: Tensor = { dtype, height, width, channels, fixed: cursor.u32(), perRow: cursor.u32() };
  cursor.skip(4);
  if (height === 0 || width === 0) {
    throw new BlobError(at + TENSOR.height, `tensor of ${height} × ${width} positions, expected at least 1 × 1`);
  }
  if (tensor.channels < 1 || tensor.channels > MAX_CHANNELS) {
    throw new BlobError(at, `tensor of ${tensor.channels} channels, expected 1 to ${MAX_CHANNELS}`);
  }
  if (elementCount(tensor) > MAX_ELEMENTS) {
    throw new BlobError(at, `tensor of ${elementCount(tensor)} elements a row, expected at most ${MAX_ELEMENTS}`);
  }
  if (tensor.fixed % 16 || tensor.perRow % 16) {
    throw new BlobError(at, `tensor at ${tensor.fixed} + ${tensor.perRow} per row, expected multiples of 16`);
  }
  // Both sides are linear in rows, so the two ends prove what lies between. All products stay below 2^53.
  for (const rows of [1, header.maxRows]) {
    const end = tensor.fixed + (tensor.perRow + rowStride(tensor)) * rows;
    const arena = header.arenaFixed + header.arenaPerRow * rows;
    if (end > arena) throw new BlobError(at, `tensor ends at byte ${end} of an arena of ${arena} with ${rows} rows`);
  }
  return tensor;
}

/** The ops with their tiles, which stand one behind the other: so no more is allocated than a small multiple of the part. */
function readOps(cursor: Cursor, bytes: Uint8Array, count: number, tensors: Tensor[], part: Part): Op[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ops: Op[] = [];
  let offset = part.offset;
  for (let i = 0; i < count; i++) {
    const { at, op, weights } = readOp(cursor, view, tensors);
    const tiling = tilingOf({ tensors }, op);
    const end = offset + tiling.tiles * tiling.tileBytes;
    if (tiling.tiles > 0 && (weights !== offset || end > part.offset + part.bytes)) {
      const found = `tiles at bytes ${weights} to ${weights + end - offset}`;
      throw new BlobError(
        at + OP.weights,
        `${found}, expected them from ${offset} to at most ${part.offset + part.bytes}`,
      );
    }
    readTiles(view, offset, tensors, op, tiling);
    ops.push(op);
    offset = end;
  }
  return ops;
}

/** An op without what its tiles hold, and where it was read and where they begin. */
function readOp(cursor: Cursor, view: DataView, tensors: Tensor[]): { at: number; op: Op; weights: number } {
  const at = cursor.offset;
  const kind = nameOf<OpKind>(OP_KIND, cursor.u8(), at, "op");
  const format = opFormat(kind);
  const post = nameOf(POST, cursor.u8(), at + OP.post, "post");
  const ownShifts = cursor.u8() === OWN_SHIFTS; // other flags: compared when the program is written again
  const rounding = nameOf(ROUNDING, cursor.u8(), at + OP.rounding, "rounding");
  const inputs = Array.from({ length: inputCount(kind, post) }, () => index(cursor, "tensor", tensors.length));
  cursor.seek(at + OP.output);
  const output = index(cursor, "tensor", tensors.length);
  const dtype = nameOf<WeightDtype | "f32">(WEIGHT, cursor.u8(), at + OP.dtype, "weight dtype");
  const packing = nameOf(PACKING, cursor.u8(), at + OP.packing, "packing");
  const tileChannels = cursor.u16();
  const weights = cursor.u32();
  cursor.skip(8); // tileBytes, recordsAt
  const recordStep = cursor.u16();
  const count = cursor.u16();
  cursor.seek(at + OP.lo);
  const to = tensors[output]!;
  const unsigned = to.dtype === "u8";
  const [lo, hi] = [unsigned ? cursor.u8() : cursor.i8(), unsigned ? cursor.u8() : cursor.i8()];
  const [left, right] = [cursor.u8(), cursor.u8()];
  const zero = unsigned ? left : (left << 24) >> 24;
  cursor.seek(at + OP_BYTES);

  const fail = (message: string): never => {
    throw new BlobError(at, `${kind}: ${message}`);
  };
  if (tileChannels === 0) fail("tiles of 0 channels, expected at least 1");
  const records = recordStep === 0 ? 1 : to.channels;
  const from = inputs.map((input) => tensors[input]!);
  // No object is spread here: of 65,535 ops, a reader would need three times as long.
  const op = format.read({
    view,
    at,
    inputs,
    output,
    from,
    to,
    post,
    dtype,
    packing,
    tileChannels,
    records,
    count,
    lo,
    hi,
    left,
    right,
    zero,
    ownShifts,
    rounding,
    fail,
  });
  return { at, op, weights };
}

function checkHeadSize(header: Header, cursor: Cursor): void {
  const expected = align16(cursor.offset + 4);
  if (header.headBytes !== expected) {
    throw new BlobError(HEADER.headBytes, `head of ${header.headBytes} bytes, expected ${expected}`);
  }
}

/** Fills the weights and parameters of an op from its tiles at byte `offset`. */
function readTiles(view: DataView, offset: number, tensors: Tensor[], op: Op, tiling: Tiling): void {
  if (isWeighted(op)) op.weights = new Int8Array(tiling.channels * weightCount(tiling));
  if (hasFloats(op)) op.floats = new Float32Array(tiling.channels * weightCount(tiling));
  for (let tile = 0; tile < tiling.tiles; tile++)
    readTile(view, offset + tile * tiling.tileBytes, tensors, op, tiling, tile);
}

function readTile(view: DataView, at: number, tensors: Tensor[], op: Op, tiling: Tiling, tile: number): void {
  const [first, last] = channelsOfTile(tiling, tile);
  if (isWeighted(op)) readWeights(view, at, op, tiling, first, last);
  if (hasFloats(op)) readFloats(view, at, op, tiling, first, last);
  if (!op.post) return;
  const format = postFormat(op.post.kind);
  const unsigned = tensors[op.output]!.dtype === "u8";
  const records = at + tiling.recordsAt;
  if (tiling.recordStep === 0) format.read(view, records, op.post, 0, unsigned);
  else {
    for (let m = first; m < last; m++) {
      format.read(view, records + (m - first) * tiling.recordStep, op.post, m, unsigned);
    }
  }
}

/** Fills the f32 weights of channels `first` … `last` − 1 from their tile at byte `at`. */
function readFloats(view: DataView, at: number, op: FloatsOp, tiling: Tiling, first: number, last: number): void {
  const count = weightCount(tiling);
  for (let i = first * count; i < last * count; i++, at += 4) {
    const weight = view.getFloat32(at, true);
    if (!Number.isFinite(weight)) {
      throw new BlobError(
        at,
        `f32 weight [${Math.floor(i / count)}, ${i % count}] is ${weight}, expected finite numbers`,
      );
    }
    op.floats[i] = weight;
  }
}

/** Fills the weights of channels `first` … `last` − 1 from their tile at byte `at`. */
function readWeights(view: DataView, at: number, op: WeightedOp, tiling: Tiling, first: number, last: number): void {
  const { min, max } = WEIGHTS[op.dtype];
  const { groupChannels, groupBytes } = tiling;
  const count = weightCount(tiling);
  const packing = packingOf(op);
  const [groups, base] =
    packing.blockBytes === undefined ? [view, at] : [inGroups(view, at, packing.blockBytes, tiling), 0];
  for (let m = first, group = 0; m < last; m += groupChannels, group += groupBytes) {
    const codes = op.weights.subarray(m * count, Math.min(m + groupChannels, last) * count);
    unpackPadded(packing, groups, base + group, codes, tiling.columns);
    const bad = indexOutside(codes, min, max);
    if (bad < 0) continue;
    const where = `${op.dtype} weight [${m + Math.floor(bad / count)}, ${bad % count}]`;
    throw new BlobError(at + group, `${where} is ${codes[bad]}, expected ${min} to ${max}`);
  }
}

/** A copy of a tile's weights, at byte `at`, in which groups do not take turns. */
function inGroups(view: DataView, at: number, blockBytes: number, tiling: Tiling): DataView {
  const groups = Math.ceil(tiling.tileChannels / tiling.groupChannels);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, groups * tiling.groupBytes);
  return new DataView(transposeBlocks(bytes, tiling.groupBytes / blockBytes, groups, blockBytes).buffer);
}

/** Where the first code stands that is not of min … max; −1: nowhere. */
function indexOutside(codes: Int8Array, min: number, max: number): number {
  for (let i = 0; i < codes.length; i++) if (codes[i]! < min || codes[i]! > max) return i; // findIndex takes eight times as long
  return -1;
}

/** Whatever is not needed to read a blob (padding, order, features) must be what the writer makes of its program. */
function checkCanonical(bytes: Uint8Array, program: Program, unknown: OptionalPart[]): void {
  const expected = writeBlob(program, unknown);
  for (let at = 8; at < Math.max(bytes.length, expected.length); at++) {
    if (bytes[at] !== expected[at])
      throw new BlobError(at, `not canonical: byte ${bytes[at]}, expected ${expected[at]}`);
  }
}
