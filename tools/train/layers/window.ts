import { numpy as np } from "@jax-js/jax";
import type { PaddedWindow } from "../../../host/graph/ops/window.ts";

/** What each tap of a window sees of pictures (N, H, W, C): (N, rows, columns, C), the taps row by row. Zeros come in at the edges. */
export function taps(x: np.Array, window: PaddedWindow, [rows, columns]: readonly number[]): np.Array[] {
  const { kernelHeight, strideY, dilationY, padTop, padBottom } = window;
  const { kernelWidth, strideX, dilationX, padLeft, padRight } = window;
  // a slice with a step is a slice of whole steps, of which the first element is kept: the last step may reach over the edge
  const [moreY, moreX] = [padBottom + strideY - 1, padRight + strideX - 1];
  const isPadded = padTop + moreY + padLeft + moreX > 0;
  const padded = isPadded
    ? np.pad(x, [
        [0, 0],
        [padTop, moreY],
        [padLeft, moreX],
        [0, 0],
      ])
    : x;
  const [n, , , channels] = padded.shape as [number, number, number, number];
  const seen: np.Array[] = [];
  for (let ky = 0; ky < kernelHeight; ky++) {
    for (let kx = 0; kx < kernelWidth; kx++) {
      const [top, left] = [ky * dilationY, kx * dilationX];
      const box = padded.ref.slice([], [top, top + rows! * strideY], [left, left + columns! * strideX], []);
      if (strideY === 1 && strideX === 1) seen.push(box);
      else seen.push(box.reshape([n, rows!, strideY, columns!, strideX, channels]).slice([], [], 0, [], 0, []));
    }
  }
  padded.dispose();
  return seen;
}
