/** Uniform random numbers in [0, 1). */
export type Random = () => number;

/** Tommy Ettinger's mulberry32: 32 bits of state, the same numbers on every machine. It goes on behind as many numbers as were `drawn` before. */
export function mulberry32(seed: number, drawn = 0): Random {
  let state = (seed + Math.imul(drawn, 0x6d2b79f5)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
