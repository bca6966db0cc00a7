import { crc32 } from "../../host/base/crc32.ts";
import type { Model } from "./model.ts";

// The definition of FORMAT.md in plain steps, apart from the module.

export const HEADER_BYTES = 64;
export const CELL_BYTES = 32;
const MAGIC = 0x544f4c53;
export const MARK = { stored: 2, trying: 3, confirmed: 4, retired: 5 } as const;

/** Header of a slot that holds a model. */
export function headerOf({ statement }: Model, sequence: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  const { counter, bytes, trailerBytes, sha256 } = statement;
  const words = [MAGIC, 1, sequence, counter, bytes, trailerBytes];
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true);
  header.set(sha256, 24);
  view.setUint32(56, crc32(header.subarray(0, 56)), true);
  return header;
}

/** A word as a cell holds it. */
export function record(word: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, word, true);
  new DataView(bytes.buffer).setUint32(4, ~word, true);
  return bytes;
}

/** A mark behind a header. */
export function markOf(header: Uint8Array, mark: keyof typeof MARK): Uint8Array {
  return record(MARK[mark] ^ new DataView(header.buffer).getUint32(56, true));
}
