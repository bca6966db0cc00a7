import { blockBytes, bytesBytes, HEADER, Row, toBytes } from "./bytes";

/**
 * A prepared row as i16: as in bytes.ts, but of each of its vectors first the even bytes and then the odd ones, widened. So a field q of an
 * even byte of weights meets vector 2 q, in the low half of an i16 lane; of an odd byte, vector 2 q + 1, in the high half. The mask is of i16
 * lanes.
 */
export function lanesBytes(bits: u32, inputs: u32): u32 {
  return bytesBytes(bits, inputs) + blockBytes(bits, inputs);
}

export function toLanes(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const bytes = blockBytes(bits, inputs);
  toBytes(signed, bits, row, inputs, to + bytes, 0); // behind what becomes of it
  store<i32>(to, load<i32>(to + bytes, Row.sum), Row.sum);
  store<i32>(to, 0, Row.high);
  store<i32>(to, 0, Row.wide);
  store<u32>(to, 0x00010001 * ((1 << bits) - 1), Row.mask);
  let from = to + HEADER + bytes;
  to += HEADER;
  for (const end = from + bytes; from < end; from += 16, to += 32) {
    const codes = v128.load(from);
    const even = i16x8.shl(codes, 8);
    v128.store(to, signed ? i16x8.shr_s(even, 8) : i16x8.shr_u(even, 8));
    v128.store(to, signed ? i16x8.shr_s(codes, 8) : i16x8.shr_u(codes, 8), 16);
  }
}

/**
 * Changes a row for fields of four bits to what `nibbles` of ../simd/prepared_code.ts wants: of each two vectors of lower fields and two of upper ones, c0 and c1, the first become
 * 16 · c0 − c1.
 */
export function toNibbles(inputs: u32, row: usize): void {
  row += HEADER;
  for (const end = row + (blockBytes(4, inputs) << 1); row < end; row += 64) {
    v128.store(row, i16x8.sub(i16x8.shl(v128.load(row), 4), v128.load(row, 32)));
    v128.store(row, i16x8.sub(i16x8.shl(v128.load(row, 16), 4), v128.load(row, 48)), 16);
  }
}
