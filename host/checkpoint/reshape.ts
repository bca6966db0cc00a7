import { elements } from "./tensor.ts";

/**
 * Shape that ONNX `Reshape` to `target` gives: 0 copies a size, −1 stands for the rest. A batch axis (size NaN, first)
 * has to stay first; in `target` it may be the folded batch size (NaN), copied, −1, the size that the file declares, or
 * 1 where the file leaves it open. Undefined where batch or elements would not stay together.
 */
export function reshapeDims(
  dims: readonly number[],
  batch: number | undefined,
  target: readonly number[],
): number[] | undefined {
  const wanted = target.map((size, axis) => (size === 0 ? (dims[axis] ?? 0) : size));
  if (!Number.isNaN(dims[0])) return fill(elements(dims), wanted);
  const [first, ...row] = wanted;
  const stays = first !== undefined && (Number.isNaN(first) || first === -1 || first === (batch ?? 1));
  if (!stays || (first === -1 && row.includes(-1))) return undefined;
  const rest = fill(elements(dims.slice(1)), row);
  return rest && [Number.NaN, ...rest];
}

/** Replaces one −1 so that the product is `count`. */
function fill(count: number, sizes: readonly number[]): number[] | undefined {
  const open = sizes.indexOf(-1);
  const known = elements(sizes.filter((_, axis) => axis !== open));
  const filled = open < 0 ? [...sizes] : sizes.with(open, count / known);
  return filled.every((size) => Number.isInteger(size) && size >= 0) && elements(filled) === count ? filled : undefined;
}
