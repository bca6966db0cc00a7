/** The module's own bytes, from address 0. Of them only the layout and the constants of SHA-256 outlive a call. */

/** 64 words, then 16, then 8: see sha256.ts. */
export const CONSTANTS: usize = 0;
/** Also what was read of flash last, up to 64 bytes at a time. */
export const MESSAGE: usize = 256;
export const DIGEST: usize = 320;
/** A slot's header. */
export const HEADER: usize = 352;
/** What a cell holds or is to hold; or the last unit of a body, padded. */
export const CELL: usize = 416;
/** FORMAT.md, "Layout". */
export const LAYOUT: usize = 448;

export const OWN_BYTES: u32 = 512;
export const MESSAGE_BYTES: u32 = 64;

/** Copies words; `bytes` is a multiple of 4. */
export function copy(to: usize, from: usize, bytes: u32): void {
  for (let at: u32 = 0; at < bytes; at += 4) store<u32>(to + at, load<u32>(from + at));
}

/** Whether words are the same; `bytes` is a multiple of 4. */
export function isEqual(a: usize, b: usize, bytes: u32): bool {
  for (let at: u32 = 0; at < bytes; at += 4) if (load<u32>(a + at) != load<u32>(b + at)) return false;
  return true;
}
