import { attributesOf } from "../../host/checkpoint/onnx/call.ts";
import type { GraphProto, NodeProto } from "../../host/checkpoint/onnx/proto.ts";
import { readTensor } from "../../host/checkpoint/onnx/tensor.ts";
import {
  broadcastDims,
  broadcastTo,
  concat,
  elements,
  type Tensor,
  take,
  transpose,
} from "../../host/checkpoint/tensor.ts";
import { roundHalfEven } from "../../host/numbers/round.ts";

// ONNX's operators of float encoders on arrays of float64, as its specification defines them: slow, and without a thought for rows.

function pairwise(a: Tensor, b: Tensor, of: (x: number, y: number) => number): Tensor {
  const dims = broadcastDims(a.dims, b.dims)!;
  const [x, y] = [broadcastTo(a, dims), broadcastTo(b, dims)];
  return { dims, data: x.map((each, i) => of(each, y[i]!)) };
}

const each = ({ dims, data }: Tensor, of: (x: number) => number): Tensor => ({ dims, data: data.map(of) });

function matMul(a: Tensor, b: Tensor): Tensor {
  const [M, K, N] = [a.dims.at(-2)!, a.dims.at(-1)!, b.dims.at(-1)!];
  const outer = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2))!;
  const [x, y] = [broadcastTo(a, [...outer, M, K]), broadcastTo(b, [...outer, K, N])];
  const data = new Float64Array(elements(outer) * M * N);
  for (let i = 0; i < data.length; i++) {
    const [matrix, m, n] = [Math.floor(i / (M * N)), Math.floor(i / N) % M, i % N];
    for (let k = 0; k < K; k++) data[i]! += x[(matrix * M + m) * K + k]! * y[(matrix * K + k) * N + n]!;
  }
  return { dims: [...outer, M, N], data };
}

function mean(x: Tensor, axes: readonly number[], keeps: boolean): Tensor {
  const means = reduced(x, axes, (list) => list.reduce((p, q) => p + q) / list.length);
  if (keeps) return means;
  const own = axes.map((axis) => (axis + x.dims.length) % x.dims.length);
  return { dims: x.dims.filter((_, axis) => !own.includes(axis)), data: means.data };
}

/** Over some axes, which stay, of size 1. */
function reduced(x: Tensor, axes: readonly number[], of: (list: Float64Array) => number): Tensor {
  const own = axes.map((axis) => (axis + x.dims.length) % x.dims.length);
  const rest = x.dims.map((_, axis) => axis).filter((axis) => !own.includes(axis));
  const { data } = transpose(x, [...rest, ...own]);
  const count = elements(own.map((axis) => x.dims[axis]!));
  const made = Float64Array.from({ length: data.length / count }, (_, i) =>
    of(data.subarray(i * count, (i + 1) * count)),
  );
  return { dims: x.dims.map((size, axis) => (own.includes(axis) ? 1 : size)), data: made };
}

function softmax(x: Tensor): Tensor {
  const powers = each(x, Math.exp);
  const size = x.dims.at(-1)!;
  const total = each(mean(powers, [-1], true), (m) => m * size);
  return pairwise(powers, total, (p, s) => p / s);
}

/** Maclaurin's series. */
export function erf(x: number): number {
  let [sum, term] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return Math.abs(x) > 4 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * sum;
}

const scalar = (x: number): Tensor => ({ dims: [], data: Float64Array.of(x) });
const plus = (x: number, y: number) => x + y;
const times = (x: number, y: number) => x * y;

function layerNorm(x: Tensor, gain: Tensor, bias: Tensor | undefined, epsilon: number): Tensor {
  const centered = pairwise(x, mean(x, [-1], true), (p, q) => p - q);
  const variance = mean(pairwise(centered, centered, times), [-1], true);
  const normed = pairwise(centered, variance, (d, v) => d / Math.sqrt(v + epsilon));
  const scaled = pairwise(normed, gain, times);
  return bias ? pairwise(scaled, bias, plus) : scaled;
}

/** What the nodes of a file make of an input. */
export function computed(file: GraphProto, x: Tensor): Tensor[] {
  const values = new Map(file.initializer.map((tensor) => [tensor.name ?? "", readTensor(tensor, "") as Tensor]));
  values.set(file.input[0]!.name!, x);
  for (const node of file.node) {
    const made = compute(
      node,
      node.input.map((name) => values.get(name)!),
    );
    for (const [i, tensor] of made.entries()) values.set(node.output[i]!, tensor);
  }
  return file.output.map(({ name }) => values.get(name!)!);
}

function compute(node: NodeProto, [a, b, c, axes]: [Tensor, Tensor, Tensor] | Tensor[]): Tensor[] {
  const at = attributesOf(node, "");
  const axis = at.int("axis");
  switch (node.op_type) {
    case "Add":
      return [pairwise(a!, b!, plus)];
    case "Sub":
      return [pairwise(a!, b!, (x, y) => x - y)];
    case "Mul":
      return [pairwise(a!, b!, times)];
    case "Div":
      return [pairwise(a!, b!, (x, y) => x / y)];
    case "Pow":
      return [pairwise(a!, b!, (x, y) => x ** y)];
    case "Max":
      return [pairwise(a!, b!, Math.max)];
    case "Clip":
      return [each(a!, (x) => Math.min(Math.max(x, b?.data[0] ?? -Infinity), c?.data[0] ?? Infinity))];
    case "Abs":
      return [each(a!, Math.abs)];
    case "Round":
      return [each(a!, roundHalfEven)];
    case "Reciprocal":
      return [each(a!, (x) => 1 / x)];
    case "Sigmoid":
      return [each(a!, (x) => 1 / (1 + Math.exp(-x)))];
    case "ReduceMax":
      return [reduced(a!, at.ints("axes")!, (list) => list.reduce((p, q) => Math.max(p, q)))];
    case "RMSNormalization": {
      const square = mean(pairwise(a!, a!, times), [-1], true);
      const normed = pairwise(a!, square, (x, s) => x / Math.sqrt(s + at.float("epsilon")!));
      return [pairwise(normed, b!, times)];
    }
    case "Sqrt":
      return [each(a!, Math.sqrt)];
    case "Erf":
      return [each(a!, erf)];
    case "Relu":
      return [each(a!, (x) => Math.max(x, 0))];
    case "MatMul":
      return [matMul(a!, b!)];
    case "Gemm": {
      const product = matMul(a!, at.int("transB") ? transpose(b!, [1, 0]) : b!);
      return [c ? pairwise(product, c, plus) : product];
    }
    case "Softmax":
      return [softmax(a!)];
    case "Gelu": {
      const inner = (x: number) => Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
      const isTanh = at.text("approximate") === "tanh";
      return [each(a!, (x) => (x / 2) * (1 + (isTanh ? inner(x) : erf(x / Math.SQRT2))))];
    }
    case "LayerNormalization":
      return [layerNorm(a!, b!, c, at.float("epsilon")!)];
    case "ReduceMean":
      return [mean(a!, at.ints("axes")!, (at.int("keepdims") ?? 1) !== 0)];
    case "Reshape": {
      const sizes = [...b!.data].map((size, i) => (size === 0 ? a!.dims[i]! : size));
      const known = elements(sizes.filter((size) => size > 0));
      return [{ dims: sizes.map((size) => (size < 0 ? a!.data.length / known : size)), data: a!.data }];
    }
    case "Transpose":
      return [transpose(a!, at.ints("perm")!)];
    case "Split": {
      let first = 0;
      const equal = node.output.map(() => a!.dims[axis!]! / node.output.length);
      return [...(b?.data ?? equal)].map((size) => {
        const part = Array.from({ length: size }, (_, i) => first + i);
        first += size;
        return take(a!, axis!, part);
      });
    }
    case "Slice": {
      const [own, size] = [Number(axes!.data[0]), a!.dims.at(Number(axes!.data[0]))!];
      const at = (own + a!.dims.length) % a!.dims.length;
      const [first, end] = [b!.data[0]!, Math.min(c!.data[0]!, size)];
      return [
        take(
          a!,
          at,
          Array.from({ length: end - first }, (_, i) => first + i),
        ),
      ];
    }
    case "Squeeze": {
      const gone = (b!.data[0]! + a!.dims.length) % a!.dims.length;
      return [{ dims: a!.dims.toSpliced(gone, 1), data: a!.data }];
    }
    case "Unsqueeze":
      return [{ dims: a!.dims.toSpliced(b!.data[0]!, 0, 1), data: a!.data }];
    case "Gather": {
      const { dims, data } = take(a!, axis!, [(b!.data[0]! + a!.dims[axis!]!) % a!.dims[axis!]!]);
      return [{ dims: dims.filter((_, i) => i !== axis), data }];
    }
    case "Concat":
      return [concat([a!, b!], axis!)];
    case "Conv": {
      // windows that lie side by side
      const [N, C, H, W] = a!.dims as [number, number, number, number];
      const [M, , h, w] = b!.dims as [number, number, number, number];
      const cut = transpose({ dims: [N, C, H / h, h, W / w, w], data: a!.data }, [0, 2, 4, 1, 3, 5]);
      const rows = matMul(
        { dims: [N, (H / h) * (W / w), C * h * w], data: cut.data },
        transpose({ dims: [M, C * h * w], data: b!.data }, [1, 0]),
      );
      const biased = pairwise(rows, c ?? scalar(0), plus);
      return [{ dims: [N, M, H / h, W / w], data: transpose(biased, [0, 2, 1]).data }];
    }
  }
  throw new Error(`no definition of ${node.op_type}`);
}
