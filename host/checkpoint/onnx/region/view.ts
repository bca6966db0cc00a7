import type { Picture } from "../../../shape.ts";

/** A part of an axis: element i of it lies `stride` · i further in a row of [height, width, channels]. */
export interface Atom {
  stride: number;
  size: number;
}

/** A value of a float network as a file's node sees it: an array of axes over the row of a value of the graph. An axis of the batch has no atoms, as all of size 1. */
export interface View {
  kind: "data";
  /** The value of the graph, and its shape. */
  source: string;
  picture: Picture;
  axes: Atom[][];
  /** What its numbers are still to be multiplied by. */
  factor: number;
}

/** A value with a position axis and one of channels, behind that of the batch; or with channels alone. */
export function viewOf(source: string, picture: Picture, hasPositions = true): View {
  const { height, width, channels } = picture;
  const positions = hasPositions ? [[{ stride: channels, size: height * width }]] : [];
  const axes = [[], ...positions, [{ stride: 1, size: channels }]];
  return { kind: "data", source, picture, axes: axes.map(merged), factor: 1 };
}

/** Numbers along an axis. */
export function axisSize(axis: readonly Atom[]): number {
  return axis.reduce((product, { size }) => product * size, 1);
}

export function dimsOf({ axes }: View): number[] {
  return axes.map(axisSize);
}

/** Atoms without those of one element, and such as follow each other without a gap as one. */
export function merged(atoms: readonly Atom[]): Atom[] {
  const made: Atom[] = [];
  for (const atom of atoms) {
    const last = made.at(-1);
    if (atom.size === 1) continue;
    if (last && last.stride === atom.stride * atom.size)
      made[made.length - 1] = { stride: atom.stride, size: last.size * atom.size };
    else made.push(atom);
  }
  return made;
}

/** The view with other axes, as numpy's reshape makes them; undefined where an axis would be no whole part of those that there are. */
export function reshaped(view: View, dims: readonly number[]): View | undefined {
  const rest = view.axes.flat().map((atom) => ({ ...atom }));
  const axes = dims.map((size): Atom[] | undefined => {
    const axis: Atom[] = [];
    for (let left = size; left > 1; ) {
      const atom = rest[0];
      if (!atom) return undefined;
      if (left % atom.size === 0) {
        axis.push(rest.shift()!);
        left /= atom.size;
      } else if (atom.size % left === 0) {
        atom.size /= left;
        axis.push({ stride: atom.stride * atom.size, size: left });
        left = 1;
      } else return undefined;
    }
    return axis;
  });
  if (rest.some(({ size }) => size > 1) || axes.includes(undefined)) return undefined;
  return { ...view, axes: (axes as Atom[][]).map(merged) };
}

/** The view with its axes in another order. */
export function transposed(view: View, order: readonly number[]): View {
  return { ...view, axes: order.map((axis) => view.axes[axis]!) };
}

/** The axes of a value once its positions have `channels` in place of their own. */
export function withChannels({ axes, picture }: View, channels: number): Atom[][] {
  const own = picture.channels;
  return axes.map((axis) =>
    axis.map(({ stride, size }) => ({ stride: stride < own ? stride : (stride / own) * channels, size })),
  );
}

/** What a layer gives, under the axes that its input has before the channels. */
export function behind(view: View, made: View): View {
  return { ...made, axes: [...withChannels(view, made.picture.channels).slice(0, -1), made.axes.at(-1)!] };
}

/** Whether all axes but the last are the positions of the row, in their order, and the last is its channels, in any order. */
export function hasChannelsLast({ picture: { height, width, channels }, axes }: View): boolean {
  const positions = merged([{ stride: channels, size: height * width }]);
  return isSame(merged(axes.slice(0, -1).flat()), positions) && axisSize(axes.at(-1)!) === channels;
}

/** Whether its numbers are those of the row, in their order. */
export function isPlain(view: View): boolean {
  const { channels } = view.picture;
  return (
    view.factor === 1 && hasChannelsLast(view) && isSame(view.axes.at(-1)!, merged([{ stride: 1, size: channels }]))
  );
}

/** Where the numbers along the last axis lie. */
export function lastIndices({ axes }: View): number[] {
  return axes
    .at(-1)!
    .reduce(
      (indices, { stride, size }) => indices.flatMap((at) => Array.from({ length: size }, (_, i) => at + stride * i)),
      [0],
    );
}

/** Patches whose lines, columns and channels are the last axis, in any order, and that are the positions of all others; and the view of them. */
export function patchesOf(view: View): { height: number; width: number; view: View } | undefined {
  const { height: H, width: W, channels: C } = view.picture;
  const last = view.axes.at(-1)!.flatMap((atom) =>
    atom.stride === 1 && atom.size > C
      ? [
          { stride: C, size: atom.size / C },
          { stride: 1, size: C },
        ]
      : [atom],
  );
  const sizeOf = (stride: number) => last.find((atom) => atom.stride === stride)?.size ?? 1;
  const [height, width] = [sizeOf(W * C), W > 1 ? sizeOf(C) : 1];
  if (H % height !== 0 || W % width !== 0 || axisSize(last) !== height * width * C) return undefined;
  const positions = [
    { stride: height * W * C, size: H / height },
    { stride: width * C, size: W / width },
  ];
  if (!isSame(merged(view.axes.slice(0, -1).flat()), merged(positions))) return undefined;
  const picture = { height: H / height, width: W / width, channels: height * width * C };
  const own = last.map(({ stride, size }) => ({ stride: stride === W * C ? width * C : stride, size }));
  const axes = [[], merged([{ stride: picture.channels, size: picture.height * picture.width }]), own];
  return { height, width, view: { ...view, picture, axes } };
}

export function isSame(a: readonly Atom[], b: readonly Atom[]): boolean {
  return a.length === b.length && a.every(({ stride, size }, i) => stride === b[i]!.stride && size === b[i]!.size);
}
