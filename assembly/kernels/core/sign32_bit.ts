/**
 * Binary weights (sign32) × bits, for cores that have no instruction which counts bits: they are added up inside words, in pairs, fours and bytes, four words
 * of 32 bits at a time. As ../scalar/sign32_bit.ts otherwise. Contract: ../README.md.
 */
export function sign32Bit(
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  // Masks that compilers do not know stay in registers, and then an Arm core shifts and masks in one instruction.
  const zero = inputs >> 29; // there are never so many
  const pairs: u32 = 0x55555555 + zero;
  const fours: u32 = 0x33333333 + zero;
  for (; rows; rows--, codes += codeStep, sums += sumStep) {
    const end8 = codes + ((inputs >> 8) << 5);
    const end = codes + ((inputs >> 7) << 4);
    let channel = weights;
    for (let at = sums, last = sums + (channels << 2); at < last; at += 4, channel += weightStep) {
      let count: u32 = 0;
      let x = codes;
      let w = channel;
      for (; x < end8; x += 32, w += 32) {
        count += inline.always(ones8(w, x, pairs, fours));
      }
      for (; x < end; x += 16, w += 16) {
        const a = load<u32>(w) ^ load<u32>(x);
        const b = load<u32>(w, 4) ^ load<u32>(x, 4);
        const c = load<u32>(w, 8) ^ load<u32>(x, 8);
        const d = load<u32>(w, 12) ^ load<u32>(x, 12);
        count += inline.always(ones(a, b, c, d, pairs, fours));
      }
      for (let left: i32 = inputs & 127; left > 0; left -= 32, x += 4, w += 4) {
        count += inline.always(ones((load<u32>(w) ^ load<u32>(x)) << max(32 - left, 0), 0, 0, 0, pairs, fours));
      }
      store<i32>(at, inputs - 2 * count);
    }
  }
}

/** Bits in which eight words differ. A full adder makes two words of three, so four of them leave four words, of 1, 1, 2 and 4 bits a bit. */
function ones8(w: usize, x: usize, pairs: u32, fours: u32): u32 {
  const a = load<u32>(w) ^ load<u32>(x);
  const b = load<u32>(w, 4) ^ load<u32>(x, 4);
  const c = load<u32>(w, 8) ^ load<u32>(x, 8);
  const ab = a ^ b;
  const abc = ab ^ c;
  const twoA = (a & b) | (ab & c);
  const d = load<u32>(w, 12) ^ load<u32>(x, 12);
  const e = load<u32>(w, 16) ^ load<u32>(x, 16);
  const de = d ^ e;
  const twoB = (d & e) | (de & abc);
  const abcde = de ^ abc;
  const f = load<u32>(w, 20) ^ load<u32>(x, 20);
  const g = load<u32>(w, 24) ^ load<u32>(x, 24);
  const fg = f ^ g;
  const one = fg ^ abcde;
  const twoC = (f & g) | (fg & abcde);
  const two = twoA ^ twoB ^ twoC;
  const four = (twoA & twoB) | ((twoA ^ twoB) & twoC);
  const h = load<u32>(w, 28) ^ load<u32>(x, 28);
  const low = inline.always(inFours(one, pairs, fours)) + inline.always(inFours(h, pairs, fours));
  const mid = inline.always(inFours(two, pairs, fours));
  const high = inline.always(inFours(four, pairs, fours));
  const m: u32 = 0x0f0f0f0f;
  const bytes =
    (low & m) + ((low >> 4) & m) + 2 * ((mid & m) + ((mid >> 4) & m)) + 4 * ((high & m) + ((high >> 4) & m));
  const two16 = bytes + (bytes >> 16); // 256 bits are one more than a byte holds
  return (two16 & 0xff) + ((two16 >> 8) & 0xff);
}

/** Bits that are 1 in four words. */
function ones(a: u32, b: u32, c: u32, d: u32, pairs: u32, fours: u32): u32 {
  const low = inline.always(inFours(a, pairs, fours)) + inline.always(inFours(b, pairs, fours));
  const high = inline.always(inFours(c, pairs, fours)) + inline.always(inFours(d, pairs, fours));
  const bytes = (low & 0x0f0f0f0f) + ((low >> 4) & 0x0f0f0f0f) + (high & 0x0f0f0f0f) + ((high >> 4) & 0x0f0f0f0f);
  return (bytes * 0x01010101) >> 24;
}

/** Bits that are 1 in each four of a word. */
function inFours(word: u32, pairs: u32, fours: u32): u32 {
  word -= (word >> 1) & pairs;
  return (word & fours) + ((word >> 2) & fours);
}
