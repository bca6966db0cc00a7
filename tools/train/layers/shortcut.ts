import { numpy as np } from "@jax-js/jax";
import type { PaddedWindow } from "../../../host/graph/ops/window.ts";
import type { Quantized } from "./quantized.ts";
import { taps } from "./window.ts";

/** Every so many positions of pictures (N, H, W, C), as a window of one tap sees them, and `zeros` channels of 0 before and behind (arXiv 1512.03385, option A). */
export function shortcut(
  { codes, scale }: Quantized,
  window: PaddedWindow,
  size: readonly number[],
  zeros: number,
): Quantized {
  const [kept] = taps(codes, window, size) as [np.Array];
  return {
    codes:
      zeros === 0
        ? kept
        : np.pad(kept, [
            [0, 0],
            [0, 0],
            [0, 0],
            [zeros, zeros],
          ]),
    scale,
  };
}
