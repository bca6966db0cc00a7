import { weights_read } from "./board";
import { STREAMS } from "./profiles";

/**
 * Where tiles come from: resident weights are used where they lie; streamed ones are read into `buffer`, which holds
 * the largest tile.
 */
let blob: usize = 0; // address of the blob's first byte
let buffer: usize = 0; // 0 when resident

export function resident(address: usize): void {
  blob = address;
  buffer = 0;
}

export function streamed(tileBuffer: usize): void {
  buffer = tileBuffer;
}

/** Address of `bytes` bytes of the blob from `offset`, valid until the next call. 0: the read failed. */
export function tile(offset: u32, bytes: u32): usize {
  if (!STREAMS || !buffer) return blob + offset;
  return weights_read(buffer, offset, bytes) ? 0 : buffer;
}
