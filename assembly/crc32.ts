/** State before the first byte. */
export const CRC_START: u32 = ~0;

/**
 * CRC-32 (reflected polynomial 0xEDB88320) of `bytes` bytes at `data`, continued from `state`; xor the last state with ~0.
 * Bit by bit, for what is short and where no memory can hold a table.
 */
export function crc32(state: u32, data: usize, bytes: u32): u32 {
  for (const end = data + bytes; data < end; data++) state = divide(state ^ load<u8>(data), 8);
  return state;
}

/** The state after `bits` of its bits, the lowest first. */
export function divide(state: u32, bits: u32): u32 {
  do {
    state = (state >>> 1) ^ (0xedb88320 & (0 - (state & 1)));
  } while (--bits);
  return state;
}
