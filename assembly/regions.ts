import { OP_BYTES, Op, TENSOR_BYTES, Tensor } from "./blob";
import { PICTURES } from "./features";
import { BLOCK_CHANNELS, BLOCK_ROWS } from "./kernels";
import { DTYPES } from "./profiles";
import { positionBytes, positions, rowStride } from "./tensors";

/** Addresses of the tensor and op tables in the head. */
let tensors: usize = 0;
let ops: usize = 0;

/** Addresses of the arena, and of the parts of scratch that hold a block of sums and the prepared rows of an input. */
export let arena: usize = 0;
export let sums: usize = 0;
export let prepared: usize = 0;

/** Bytes of the sums of a block. */
export const SUMS_BYTES: u32 = BLOCK_CHANNELS * BLOCK_ROWS * 4;

/** Rows of the current invocation. */
export let rows: u32 = 0;

/** The channels of a block of `height` rows: the fewer rows, the more. Whole groups, and whole bytes of a row of bits. */
export function blockChannels(height: u32): u32 {
  return BLOCK_ROWS == 1 ? BLOCK_CHANNELS : ((BLOCK_CHANNELS * BLOCK_ROWS) / min(height, BLOCK_ROWS)) & ~15;
}

export function setTables(tensorTable: usize, opTable: usize): void {
  tensors = tensorTable;
  ops = opTable;
}

export function setRegions(arenaAddress: usize, sumsAddress: usize): void {
  arena = arenaAddress;
  sums = sumsAddress;
  prepared = sumsAddress + SUMS_BYTES;
}

export function setRows(count: u32): void {
  rows = count;
}

export function opAt(index: u32): usize {
  return ops + index * OP_BYTES;
}

/** Record of a tensor; inlined, since calls would cost the smallest module 4 bytes. */
export function tensorAt(index: u32): usize {
  return tensors + index * TENSOR_BYTES;
}

/** Record of the tensor that an op reads. */
export function inputOf(op: usize): usize {
  return inline.always(tensorAt(load<u16>(op, Op.input)));
}

/** Record of the tensor that an op writes. */
export function outputOf(op: usize): usize {
  return inline.always(tensorAt(load<u16>(op, Op.output)));
}

/** Address of the first row of a tensor. */
export function firstRow(tensor: usize): usize {
  return arena + load<u32>(tensor, Tensor.fixed) + load<u32>(tensor, Tensor.perRow) * rows;
}

/** Positions of all rows of a tensor. */
export function positionsOfAll(tensor: usize): u32 {
  return DTYPES & PICTURES ? rows * positions(tensor) : rows;
}

/** Address of position `i` of all rows of a tensor. */
export function positionAt(tensor: usize, i: u32): usize {
  const count = positions(tensor);
  let at = firstRow(tensor);
  if (i >= count) {
    // a division, which small cores have to compute
    const row = i / count;
    at += row * rowStride(tensor);
    i -= row * count;
  }
  return at + i * positionBytes(tensor);
}

/** Address of the position behind the one at `at`, which has number `i`. */
export function nextPosition(tensor: usize, at: usize, i: u32): usize {
  if (!(DTYPES & PICTURES)) return at + rowStride(tensor);
  const count = positions(tensor);
  const bytes = positionBytes(tensor);
  const isLast = count == 1 || !((i + 1) % count); // of vectors, without a division, which small cores have to compute
  return isLast ? at + rowStride(tensor) - (count - 1) * bytes : at + bytes;
}

/** Zeroes all rows of a tensor. */
export function clearTensor(tensor: usize): void {
  let at = firstRow(tensor);
  for (const end = at + rowStride(tensor) * rows; at < end; at += 8) store<u64>(at, 0);
}
