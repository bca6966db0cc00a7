import { drawDigits, SIDE } from "../../../examples/digits/draw.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import type { Data, Dataset } from "./dataset.ts";

/** Digits drawn by examples/digits: 40,000 from one seed to learn from, 10,000 from another for the test. */
export function drawnDigits(): Data {
  return { training: drawn(40_000, 2), test: drawn(10_000, 4) };
}

export function drawn(count: number, seed: number): Dataset {
  const { pixels, labels } = drawDigits(count, mulberry32(seed));
  return { count, shape: [SIDE, SIDE, 1], elements: pixels, labels: Uint16Array.from(labels) };
}
