import { OP_BYTES, Op, rowStride, TENSOR_BYTES, Tensor } from "./blob";
import { BLOCK_CHANNELS, BLOCK_ROWS } from "./kernels";

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

/** The channels of a block: the fewer rows there are, the more. Whole groups, and whole bytes of a row of bits. */
export function blockChannels(): u32 {
  return BLOCK_ROWS == 1 ? BLOCK_CHANNELS : ((BLOCK_CHANNELS * BLOCK_ROWS) / min(rows, BLOCK_ROWS)) & ~15;
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

/** Zeroes all rows of a tensor. */
export function clearTensor(tensor: usize): void {
  let at = firstRow(tensor);
  for (const end = at + rowStride(tensor) * rows; at < end; at += 8) store<u64>(at, 0);
}
