/**
 * Contract: ../scalar/tap8_code.ts. Several channels at a time, each of whose weights and codes is a load of its own, which extends it; where several channels see
 * one, or fewer are left, one at a time.
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
    if (signed) c = blocks<i8>(weights, bytes, lineBytes, codes + first, tapStep, lineStep, channels, sums);
    else c = blocks<u8>(weights, bytes, lineBytes, codes + first, tapStep, lineStep, channels, sums);
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

/** The sums of channels `c` and on, 8 at a time; returns the first that is left. */
function blocks<A>(
  weights: usize,
  bytes: u32,
  lineBytes: u32,
  codes: usize,
  tapStep: u32,
  lineStep: u32,
  channels: u32,
  sums: usize,
): u32 {
  let done: u32 = 0;
  for (; done + 8 <= channels; done += 8, sums += 32) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    let line = codes + done;
    let weight = weights + (done >> 4) * bytes + (done & 8);
    for (const end = weight + bytes; weight < end; line += lineStep) {
      let code = line;
      for (const next = weight + lineBytes; weight < next; weight += 16, code += tapStep) {
        a += load<i8>(weight) * load<A>(code);
        b += load<i8>(weight, 1) * load<A>(code, 1);
        c += load<i8>(weight, 2) * load<A>(code, 2);
        d += load<i8>(weight, 3) * load<A>(code, 3);
        e += load<i8>(weight, 4) * load<A>(code, 4);
        f += load<i8>(weight, 5) * load<A>(code, 5);
        g += load<i8>(weight, 6) * load<A>(code, 6);
        h += load<i8>(weight, 7) * load<A>(code, 7);
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
  }
  return done;
}

