/**
 * Codes in the order in which fields of `bits` bits come out of a vector of weights, as i16. An i16 lane of weights holds
 * L = 16 / bits fields, a vector 8 · L; field q of lane k meets code k · L + q. So a block of 8 · L codes becomes L vectors: vector
 * q has code k · L + q in lane k. Codes past `inputs` are 0. The sum of all codes stands in front.
 *
 *     i32 sum, i32 0, 8 bytes unused │ block 0: vector 0 … L − 1 │ block 1 …
 */

/** Bytes of `inputs` codes in this order: a multiple of 16. */
export function lanesBytes(bits: u32, inputs: u32): u32 {
  const block: u32 = 128 / bits;
  return 16 + ((inputs + block - 1) / block) * (block << 1);
}

/** Writes the `inputs` codes at `row`, of type A (i8 or u8), to `lanes`. */
export function toLanes<A>(bits: u32, row: usize, inputs: u32, lanes: usize): void {
  const perLane: u32 = 16 / bits;
  const end = lanes + lanesBytes(bits, inputs);
  let sum: i32 = 0;
  let code: u32 = 0;
  for (let block = lanes + 16; block < end; block += perLane << 4) {
    for (let lane: u32 = 0; lane < 8; lane++) {
      for (let field: u32 = 0; field < perLane; field++, code++) {
        const value: i32 = code < inputs ? load<A>(row + code) : 0;
        store<i16>(block + (field << 4) + (lane << 1), <i16>value);
        sum += value;
      }
    }
  }
  store<i32>(lanes, sum);
  store<i32>(lanes, 0, 4);
}

/** Sum of the four lanes of an i32x4. */
export function sumLanes(x: v128): i32 {
  return i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3);
}
