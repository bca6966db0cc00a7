import { Part } from "./blob";
import { weights_read } from "./board";
import { STREAMS } from "./profiles";

/** The weights part: bytes of the blob, and their checksum. An offset of 0: none was found yet. */
export let weightsOffset: u32 = 0;
export let weightsBytes: u32 = 0;
export let weightsCrc: u32 = 0;

export function clearWeights(): void {
  weightsOffset = 0;
}

/** Takes what the record of the part says. */
export function setWeights(part: usize): void {
  weightsOffset = load<u32>(part, Part.offset);
  weightsBytes = load<u32>(part, Part.bytes);
  weightsCrc = load<u32>(part, Part.crc);
}

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
