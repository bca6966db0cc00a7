/** "[2, 28, 28]". */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Product of the sizes; 1 for a single number. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Position of an element as an index per axis, in row-major order: element 5 of [2, 3] is "[1, 2]". */
export function formatIndex(element: number, shape: readonly number[]): string {
  const index: number[] = [];
  for (const size of shape.toReversed()) {
    index.unshift(element % size);
    element = Math.floor(element / size);
  }
  return formatShape(index);
}
