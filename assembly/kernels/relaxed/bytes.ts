/**
 * Codes in the order in which fields of `bits` bits come out of the bytes of a vector of weights. A byte of weights holds L = 8 / bits fields,
 * a vector 16 · L; field q of byte k meets code k · L + q. So a block of 16 · L codes becomes L vectors: vector q has code
 * k · L + q in byte k. Codes past `inputs` are 0. Codes stand as i8; rows with a code above 127 keep the order of simd/lanes.ts.
 *
 *     i32 sum, i32 1 (0: simd/lanes.ts), u32 mask, u32 flip │ block 0: vector 0 … L − 1 │ block 1 …
 *
 * `mask` is the lowest field of every byte and `flip` the highest bit of every field. Kernels load them from here, since V8 rebuilds a constant
 * vector at every use inside a loop.
 */
export function toBytes<A>(bits: u32, row: usize, inputs: u32, ordered: usize): bool {
  if (!isSigned<A>()) {
    for (let code: u32 = 0; code < inputs; code++) if (load<u8>(row + code) > 127) return false;
  }
  const perByte: u32 = 8 / bits;
  const end = bytesEnd(bits, inputs, ordered);
  let sum: i32 = 0;
  let code: u32 = 0;
  for (let block = ordered + 16; block < end; block += perByte << 4) {
    for (let byte: u32 = 0; byte < 16; byte++) {
      for (let field: u32 = 0; field < perByte; field++, code++) {
        const value: i32 = code < inputs ? load<A>(row + code) : 0;
        store<i8>(block + (field << 4) + byte, <i8>value);
        sum += value;
      }
    }
  }
  const ones: u32 = bits == 1 ? 0xffffffff : bits == 2 ? 0x55555555 : 0x11111111; // the lowest bit of every field
  store<i32>(ordered, sum);
  store<i32>(ordered, 1, 4);
  store<u32>(ordered, 0x01010101 * ((1 << bits) - 1), 8);
  store<u32>(ordered, ones << (bits - 1), 12);
  return true;
}

/** Where the blocks of a row end. */
export function bytesEnd(bits: u32, inputs: u32, ordered: usize): usize {
  const block: u32 = 128 / bits;
  return ordered + 16 + ((inputs + block - 1) / block) * block;
}
