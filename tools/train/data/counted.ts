import { mulberry32, type Random } from "../../../host/numbers/random.ts";

/** Random numbers that know how many of them were drawn, so that others can go on behind them. */
export interface CountedRandom {
  next: Random;
  drawn(): number;
}

export function countedRandom(seed: number, drawn = 0): CountedRandom {
  const random = mulberry32(seed, drawn);
  let count = drawn;
  return {
    next() {
      count++;
      return random();
    },
    drawn: () => count,
  };
}
