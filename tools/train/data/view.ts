import type { Random } from "../../../host/numbers/random.ts";

/** What is changed of pictures each time they are shown. */
export interface Augmentation {
  /** Pixels that a picture may be moved each way; what comes in at the edges is 0. */
  shift: number;
  /** Whether half of them are mirrored, left to right. */
  flip: boolean;
}

/** Part of a picture: the first row and column of it, which may lie outside, and whether it is mirrored before. */
export interface View {
  top: number;
  left: number;
  mirrored: boolean;
}

type Size = readonly [height: number, width: number];

/** A view of `to` pixels somewhere in a picture of `from`, moved and mirrored at random. It draws two numbers, two more to crop, and one to flip. */
export function randomView(from: Size, to: Size, { shift, flip }: Augmentation, random: Random): View {
  const within = (most: number) => Math.floor(random() * (most + 1));
  const down = within(2 * shift) - shift;
  const right = within(2 * shift) - shift;
  const isCropped = from[0] > to[0] || from[1] > to[1];
  const [top, left] = isCropped ? [within(from[0] - to[0]), within(from[1] - to[1])] : [0, 0];
  return { top: top - down, left: left - right, mirrored: flip && random() < 0.5 };
}

/** The middle of a picture. */
export function centreView(from: Size, to: Size): View {
  return { top: Math.floor((from[0] - to[0]) / 2), left: Math.floor((from[1] - to[1]) / 2), mirrored: false };
}

/** Calls `copy` with the first element of each pixel of a view that lies in the picture, and where it goes. Channels are last. */
export function eachPixel(
  from: Size,
  to: Size,
  channels: number,
  { top, left, mirrored }: View,
  copy: (source: number, target: number) => void,
): void {
  for (let row = Math.max(0, -top); row < Math.min(to[0], from[0] - top); row++) {
    for (let column = Math.max(0, -left); column < Math.min(to[1], from[1] - left); column++) {
      const x = column + left;
      const source = (row + top) * from[1] + (mirrored ? from[1] - 1 - x : x);
      copy(source * channels, (row * to[1] + column) * channels);
    }
  }
}
