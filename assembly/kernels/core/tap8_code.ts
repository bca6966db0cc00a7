/**
 * Contract: ../scalar/tap8_code.ts. Eight channels at a time; where several channels see one, or fewer are left, one at a time.
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
  let c: u32 = 0;
  if (multiplier == 1) {
    const blocks = channels >> 3;
    c = blocks << 3;
    if (signed) eights<i8>(weights, bytes, lineBytes, codes + first, tapStep, lineStep, blocks, sums);
    else eights<u8>(weights, bytes, lineBytes, codes + first, tapStep, lineStep, blocks, sums);
  }
  const sign = signed ? 0x80 : 0;
  for (; c < channels; c++) {
    let line = codes + (first + c) / multiplier;
    let weight = weights + (c >> 4) * bytes + (c & 15);
    let sum = 0;
    for (const end = weight + bytes; weight < end; line += lineStep) {
      let code = line;
      for (const next = weight + lineBytes; weight < next; weight += 16, code += tapStep) {
        sum += load<i8>(weight) * ((load<u8>(code) ^ sign) - sign);
      }
    }
    store<i32>(sums + (c << 2), sum);
  }
}

/** The sums of blocks of eight channels, each of whose weights and codes is a load of its own, which extends it: what takes it out of a word is no cheaper. */
function eights<A>(
  weights: usize,
  bytes: u32,
  lineBytes: u32,
  codes: usize,
  tapStep: u32,
  lineStep: u32,
  blocks: u32,
  sums: usize,
): void {
  for (let block: u32 = 0; block < blocks; block++, codes += 8, sums += 32) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    const end = weights + bytes;
    let line = codes;
    for (let weight = weights; weight < end; line += lineStep) {
      let code = line;
      for (const next = weight + lineBytes; weight < next; weight += 16, code += tapStep) {
        a += load<i8>(weight) * <i32>load<A>(code);
        b += load<i8>(weight, 1) * <i32>load<A>(code, 1);
        c += load<i8>(weight, 2) * <i32>load<A>(code, 2);
        d += load<i8>(weight, 3) * <i32>load<A>(code, 3);
        e += load<i8>(weight, 4) * <i32>load<A>(code, 4);
        f += load<i8>(weight, 5) * <i32>load<A>(code, 5);
        g += load<i8>(weight, 6) * <i32>load<A>(code, 6);
        h += load<i8>(weight, 7) * <i32>load<A>(code, 7);
      }
    }
    store<i32>(sums, a);
    store<i32>(sums, b, 4);
    store<i32>(sums, c, 8);
    store<i32>(sums, d, 12);
    store<i32>(sums, e, 16);
    store<i32>(sums, f, 20);
    store<i32>(sums, g, 24);
    store<i32>(sums, h, 28);
    weights = block & 1 ? end - 8 : weights + 8; // the other half of the group, or the next group
  }
}
