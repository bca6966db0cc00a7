/**
 * A constant of a checkpoint while its graph is folded: float64, row-major. NaN stands for the batch size in folded
 * shapes, so that arithmetic carries it along; nowhere else may a constant hold it.
 */
export interface Tensor {
  dims: number[];
  data: Float64Array;
}

export function elements(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Shape of an elementwise result by numpy's rule, or undefined where the shapes do not go together. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [m, n] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) return undefined;
    dims.push(m === 1 ? n : m);
  }
  return dims;
}

/** Repeats a tensor along axes of size 1 to `dims`, which `broadcastDims` has found to fit. */
export function broadcastTo(tensor: Tensor, dims: readonly number[]): Float64Array {
  const strides = rowMajorStrides(tensor.dims).map((stride, axis) => (tensor.dims[axis] === 1 ? 0 : stride));
  const missing = dims.length - tensor.dims.length;
  return gather(tensor.data, dims, [...new Array<number>(missing).fill(0), ...strides]);
}

/** Axis `i` of the result is axis `order[i]` of the tensor. */
export function transpose(tensor: Tensor, order: readonly number[]): Tensor {
  const strides = rowMajorStrides(tensor.dims);
  const dims = order.map((axis) => tensor.dims[axis]!);
  const picked = order.map((axis) => strides[axis]!);
  return { dims, data: gather(tensor.data, dims, picked) };
}

/** Entries `indices` along an axis, in that order. */
export function take(tensor: Tensor, axis: number, indices: readonly number[]): Tensor {
  const outer = elements(tensor.dims.slice(0, axis));
  const inner = elements(tensor.dims.slice(axis + 1));
  const size = tensor.dims[axis]!;
  const data = new Float64Array(outer * indices.length * inner);
  if (data.length === 0) return { dims: tensor.dims.with(axis, indices.length), data }; // whatever the size of other axes
  for (let o = 0, to = 0; o < outer; o++) {
    for (const index of indices) {
      const from = (o * size + index) * inner;
      data.set(tensor.data.subarray(from, from + inner), to);
      to += inner;
    }
  }
  return { dims: tensor.dims.with(axis, indices.length), data };
}

/** Tensors one after another along an axis; their other sizes are equal. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0]!;
  const outer = elements(first.dims.slice(0, axis));
  const total = tensors.reduce((sum, tensor) => sum + tensor.dims[axis]!, 0);
  const data = new Float64Array(tensors.reduce((sum, tensor) => sum + tensor.data.length, 0));
  if (data.length === 0) return { dims: first.dims.with(axis, total), data };
  for (let o = 0, to = 0; o < outer; o++) {
    for (const tensor of tensors) {
      const run = tensor.data.length / outer;
      data.set(tensor.data.subarray(o * run, (o + 1) * run), to);
      to += run;
    }
  }
  return { dims: first.dims.with(axis, total), data };
}

function rowMajorStrides(dims: readonly number[]): number[] {
  return dims.map((_, axis) => elements(dims.slice(axis + 1)));
}

/** result[i, j, …] = source[i · strides[0] + j · strides[1] + …]. */
function gather(source: Float64Array, dims: readonly number[], strides: readonly number[]): Float64Array {
  const result = new Float64Array(elements(dims));
  walk(dims, strides, 0, (i, from) => {
    result[i] = source[from]!;
  });
  return result;
}

/** Calls `visit` for the elements of a tensor in row-major order: element [i, j, …] lies at first + i · strides[0] + j · strides[1] + …. */
export function walk(
  dims: readonly number[],
  strides: readonly number[],
  first: number,
  visit: (index: number, at: number) => void,
): void {
  const count = elements(dims);
  const place = new Array<number>(dims.length).fill(0);
  for (let i = 0, at = first; i < count; i++) {
    visit(i, at);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++place[axis]! < dims[axis]!) break;
      at -= strides[axis]! * dims[axis]!;
      place[axis] = 0;
    }
  }
}
