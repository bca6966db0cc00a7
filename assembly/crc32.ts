/** State before the first byte. */
export const CRC_START: u32 = ~0;

/**
 * CRC-32 (reflected polynomial 0xEDB88320) of `bytes` bytes at `data`, continued from `state`; xor the last state with ~0.
 * Bit by bit: a table of 1 KB, or of 64 bytes, would have to be built in RAM first.
 */
export function crc32(state: u32, data: usize, bytes: u32): u32 {
  for (const end = data + bytes; data < end; data++) {
    state ^= load<u8>(data);
    for (let bit = 0; bit < 8; bit++) {
      state = (state >>> 1) ^ (0xedb88320 & (0 - (state & 1)));
    }
  }
  return state;
}
