import { Row, toBytes as simd } from "./bytes";

/**
 * What i32x4.relaxed_dot_i8x16_i7x16_add_s is: one machine instruction that takes its second operand as bytes of one sign or the other (vpdpbusd;
 * vpdpbssd, sdot), or made of one with sums of 16 bits (pmaddubsw, smull), which had better be used by itself. The relaxed instruction tells which by
 * what it makes of a second operand that is out of its range: the first ones are exact for bytes; sums of 16 bits saturate, or wrap at 2 · 128².
 */
export enum Wide {
  no = 0,
  unsigned = 1,
  signed = 2,
}

export function wideOf(): Wide {
  const sums = i32x4.relaxed_dot_i8x16_i7x16_add_s(
    i32x4(0x7f7f7f7f, 0x80808080, 0, 0),
    i32x4(-1, 0x80808080, 0, 0),
    i32x4.splat(0),
  );
  const sum = i32x4.extract_lane(sums, 0);
  if (sum == 4 * 127 * 255) return Wide.unsigned;
  return sum == 4 * 127 * -1 && i32x4.extract_lane(sums, 1) == 4 * -128 * -128 ? Wide.signed : Wide.no;
}

/**
 * Prepares a row as in bytes.ts, with codes as i8. A row of u8 with a code above 127 is stored less 128; then `high` is
 * 128, otherwise 0. `sum` is that of the codes as they were; `wide` is what `wideOf` says.
 */
export function toBytes(signed: bool, bits: u32, row: usize, inputs: u32, to: usize): void {
  const high = !signed && greatest(row, inputs) > 127 ? 128 : 0;
  simd(signed, bits, row, inputs, to, high);
  store<i32>(to, load<i32>(to, Row.sum) + high * inputs, Row.sum);
  store<i32>(to, high, Row.high);
  store<i32>(to, wideOf(), Row.wide);
}

/** Greatest of some codes of a byte. */
function greatest(row: usize, inputs: u32): u32 {
  let most: u32 = 0;
  let left = inputs;
  if (left >= 16) {
    let vector = v128.load(row);
    for (; left >= 16; left -= 16, row += 16) vector = i8x16.max_u(vector, v128.load(row));
    if (i8x16.bitmask(vector)) return 255;
  }
  for (; left; left--, row++) most = max<u32>(most, load<u8>(row));
  return most;
}
