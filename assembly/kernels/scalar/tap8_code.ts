/**
 * sums[c] = Σ_t weight[c, t] · code[t, (first + c) / multiplier], c < channels, for weights in tap8 and codes i8 if `signed`, u8 otherwise. The channels of a tap lie side
 * by side, `tapStep` bytes behind those of the tap before; in variants that read windows where they lie (../index.ts), those of the next `kernelWidth` taps lie
 * `lineStep` bytes behind. What else is relied on: ../README.md.
 */
export function tap8Code(
  signed: bool,
  weights: usize,
  taps: u32,
  _kernelWidth: u32,
  codes: usize,
  tapStep: u32,
  _lineStep: u32,
  first: u32,
  multiplier: u32,
  channels: u32,
  sums: usize,
): void {
  const sign = signed ? 0x80 : 0;
  for (let c: u32 = 0; c < channels; ) {
    let code = codes + (first + c) / multiplier;
    const end = weights + (taps << 4);
    let sum = 0;
    for (let weight = weights; weight < end; weight += 16, code += tapStep) {
      sum += load<i8>(weight) * ((load<u8>(code) ^ sign) - sign); // which extends the sign of a signed byte
    }
    store<i32>(sums + (c << 2), sum);
    weights = ++c & 15 ? weights + 1 : end - 15; // the next channel of the group, or the first of the next group
  }
}
