/**
 * Contract: ../scalar/tap8_code.ts. A group of 16 channels at a time: products of a code and a weight fit 16 bits, and are summed in 32. Where several channels see one, a
 * look-up spreads the codes that a group sees. Lanes behind the last channel give sums that nobody reads.
 */
export function tap8Code(
  signed: bool,
  weights: usize,
  taps: u32,
  kernelWidth: u32,
  codes: usize,
  tapStep: u32,
  lineStep: u32,
  first: u32,
  multiplier: u32,
  channels: u32,
  sums: usize,
): void {
  const bytes = taps << 4;
  const lineBytes = kernelWidth << 4;
  const spreads: bool = multiplier > 1;
  for (const end = first + channels; first < end; first += 16, weights += bytes, sums += 64) {
    const seen = first / multiplier;
    if (spreads) for (let lane: u32 = 0; lane < 16; lane++) store<u8>(sums + lane, (first + lane) / multiplier - seen);
    if (signed) group<i8>(weights, weights + bytes, lineBytes, codes + seen, tapStep, lineStep, spreads, sums);
    else group<u8>(weights, weights + bytes, lineBytes, codes + seen, tapStep, lineStep, spreads, sums);
  }
}

/** The sums of a group, whose look-up stands where they will. */
function group<A extends number>(
  weights: usize,
  end: usize,
  lineBytes: u32,
  line: usize,
  tapStep: u32,
  lineStep: u32,
  spreads: bool,
  sums: usize,
): void {
  const lanes = v128.load(sums);
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  for (; weights < end; line += lineStep) {
    let code = line;
    for (const next = weights + lineBytes; weights < next; weights += 16, code += tapStep) {
      let seen = v128.load(code);
      if (spreads) seen = i8x16.swizzle(seen, lanes);
      const low = i16x8.mul(v128.extend_low<A>(seen), v128.load_ext<i8>(weights));
      const high = i16x8.mul(v128.extend_high<A>(seen), v128.load_ext<i8>(weights, 8));
      a = i32x4.add(a, i32x4.extend_low_i16x8_s(low));
      b = i32x4.add(b, i32x4.extend_high_i16x8_s(low));
      c = i32x4.add(c, i32x4.extend_low_i16x8_s(high));
      d = i32x4.add(d, i32x4.extend_high_i16x8_s(high));
    }
  }
  v128.store(sums, a);
  v128.store(sums, b, 16);
  v128.store(sums, c, 32);
  v128.store(sums, d, 48);
}
