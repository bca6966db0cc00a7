import { DATA_TYPE, decodeModel, type NodeProto, type TensorProto } from "../../../host/checkpoint/onnx/proto.ts";

/** A value of ONNX: row-major numbers of any rank. */
export interface NdArray {
  dims: number[];
  data: number[];
  /** Of constants of the file, and of integers. */
  type?: number;
}

/**
 * All values of an ONNX file for one input, batch of one, by plain loops in float64 over the file's own nodes: what the
 * importer is judged by. Shares nothing with it but the decoder, and knows the ops of `random_graph.ts` and `quantized.ts`. What `given` has is
 * taken from there by the nodes behind; `see` is told what each node makes itself and, where it quantizes, that in steps of the scale before they are rounded.
 */
export function evaluateOnnx(
  file: Uint8Array,
  x: number[],
  given: ReadonlyMap<string, number[]> = new Map(),
  see: (value: string, own: NdArray, steps: NdArray | undefined) => void = () => {},
): Map<string, NdArray> {
  const model = decodeModel(file);
  const { node: nodes, initializer, input } = model.graph!;
  const values = new Map<string, NdArray>(initializer.map((tensor) => [tensor.name!, fromProto(tensor)]));
  const [, ...shape] = input[0]!.type!.tensor_type!.shape!.dim.map(({ dim_value }) => dim_value!);
  values.set(input[0]!.name!, { dims: [1, ...shape], data: x });
  for (const node of nodes) {
    const operands = node.input.map((name) => values.get(name));
    const [output] = node.output as [string];
    let steps: NdArray | undefined;
    const result = evaluateNode(node, operands as NdArray[], (seen) => {
      steps = seen;
    });
    see(output, result, steps);
    values.set(output, given.has(output) ? { ...result, data: given.get(output)! } : result);
  }
  return values;
}

/** The operands of an operator of integers. */
type Eight = [NdArray, NdArray, NdArray, NdArray, NdArray, NdArray, NdArray, NdArray];

function evaluateNode(node: NodeProto, inputs: NdArray[], see: (steps: NdArray) => void): NdArray {
  const [a, b] = inputs as [NdArray, NdArray];
  const named = (name: string) => node.attribute.find((attribute) => attribute.name === name);
  const int = (name: string, otherwise: number): number => named(name)?.i ?? otherwise;
  const float = (name: string, otherwise: number): number => named(name)?.f ?? otherwise;
  const unary = (f: (x: number) => number): NdArray => ({ dims: a.dims, data: a.data.map(f) });
  switch (node.op_type) {
    case "Constant":
      return fromProto(named("value")!.t!);
    case "Identity":
    case "Dropout":
      return a;
    case "Add":
      return binary(a, b, (x, y) => x + y);
    case "Sub":
      return binary(a, b, (x, y) => x - y);
    case "Mul":
      return binary(a, b, (x, y) => x * y);
    case "Div":
      return binary(a, b, (x, y) => x / y);
    case "Pow":
      return binary(a, b, (x, y) => x ** y);
    case "Min":
      return binary(a, b, Math.min);
    case "Max":
      return binary(a, b, Math.max);
    case "Neg":
      return unary((x) => -x);
    case "Sqrt":
      return unary(Math.sqrt);
    case "MultiThreshold": {
      const [rows, steps] = b.dims as [number, number];
      const inner = a.dims.slice(2).reduce((x, y) => x * y, 1);
      const data = a.data.map((x, i) => {
        const row = rows === 1 ? 0 : Math.floor(i / inner) % rows;
        const reached = b.data.slice(row * steps, (row + 1) * steps).filter((bound) => x >= bound).length;
        return float("out_scale", 1) * reached + float("out_bias", 0);
      });
      return { dims: a.dims, data };
    }
    case "Relu":
      return unary((x) => (x > 0 ? x : 0));
    case "Abs":
      return unary(Math.abs);
    case "Sign":
      return unary((x) => (x > 0 ? 1 : x < 0 ? -1 : 0));
    case "Round":
      return unary(halfEven);
    case "Cast":
      return a; // the generator casts integers to floats
    case "Less":
      return binary(a, b, (x, y) => (x < y ? 1 : 0));
    case "Where":
      return binary(
        binary(a, b, (condition, x) => (condition ? x : Number.NaN)),
        inputs[2]!,
        (x, y) => (Number.isNaN(x) ? y : x),
      );
    case "ReduceMean": {
      if (a.dims.length === 4) return overPositions(a, (all) => all.reduce((x, y) => x + y, 0) / all.length);
      const mean = a.data.reduce((sum, x) => sum + x, 0) / a.data.length; // the generator asks for that of all
      return { dims: int("keepdims", 1) ? a.dims.map(() => 1) : [], data: [mean] };
    }
    case "QuantizeLinear":
      return quantizeLinear(a, b, inputs[2], int("axis", 1), see);
    case "DequantizeLinear":
      return dequantizeLinear(a, b, inputs[2], int("axis", 1));
    case "Pad":
      return padded(a, b.data, inputs[2]?.data[0] ?? 0);
    case "QLinearConv": {
      const [x, xs, xz, w, ws, wz, ys, yz] = inputs as Eight;
      const sums = convolution(node, codesOf(x, xz), codesOf(w, wz), inputs[8]);
      return saturated(inSteps(sums, xs, ws, ys), yz, see);
    }
    case "ConvInteger":
      return convolution(node, codesOf(a, inputs[2]), codesOf(b, inputs[3]), undefined);
    case "MatMulInteger":
      return product(codesOf(a, inputs[2]), codesOf(b, inputs[3], 1), false);
    case "QLinearMatMul": {
      const [x, xs, xz, w, ws, wz, ys, yz] = inputs as Eight;
      return saturated(inSteps(product(codesOf(x, xz), codesOf(w, wz, 1), false), xs, ws, ys), yz, see);
    }
    case "QGemm": {
      const [x, xs, xz, w, ws, wz, bias, ys, yz] = inputs as [
        NdArray,
        NdArray,
        NdArray,
        NdArray,
        NdArray,
        NdArray,
        NdArray?,
        NdArray?,
        NdArray?,
      ];
      const isTransposed = int("transB", 0) === 1;
      const sums = product(codesOf(x, xz), codesOf(w, wz, isTransposed ? 0 : 1), isTransposed);
      const whole = bias ? binary(sums, bias, (sum, c) => sum + c) : sums;
      const steps = inSteps(whole, xs, ws, ys ?? scalar(1), float("alpha", 1));
      return ys ? saturated(steps, yz, see) : steps;
    }
    case "QLinearAdd": {
      const [x, xs, xz, y, ys, yz, zs, zz] = inputs as Eight;
      const sum = binary(times(codesOf(x, xz), xs.data[0]!), times(codesOf(y, yz), ys.data[0]!), (p, q) => p + q);
      return saturated({ ...sum, data: sum.data.map((each) => each / zs.data[0]!) }, zz, see);
    }
    case "QLinearAveragePool":
    case "QLinearGlobalAveragePool": {
      const [x, xs, xz, ys, yz] = inputs as [NdArray, NdArray, NdArray, NdArray, NdArray];
      const op_type = node.op_type.slice("QLinear".length);
      const mean = evaluateNode({ ...node, op_type }, [codesOf(x, xz)], see);
      const inSteps = { ...mean, data: mean.data.map((m) => (m * xs.data[0]!) / ys.data[0]!) };
      return saturated(inSteps, yz, see, op_type === "AveragePool");
    }
    case "QLinearConcat": {
      const [ys, yz, ...operands] = inputs as [NdArray, NdArray, ...NdArray[]];
      const parts = Array.from({ length: operands.length / 3 }, (_, i) => {
        const [x, xs, xz] = operands.slice(3 * i, 3 * i + 3) as [NdArray, NdArray, NdArray];
        return times(codesOf(x, xz), xs.data[0]!);
      });
      return quantizeLinear(evaluateNode({ ...node, op_type: "Concat" }, parts, see), ys, yz, 1, see);
    }
    case "HardTanh":
      return unary((x) => Math.min(Math.max(x, float("min_val", -1)), float("max_val", 1)));
    case "Clip": {
      const low = inputs[1]?.data[0] ?? float("min", -Infinity);
      const high = inputs[2]?.data[0] ?? float("max", Infinity);
      return unary((x) => Math.min(Math.max(x, low), high));
    }
    case "BatchNormalization": {
      const [, scale, shift, mean, variance] = inputs as [NdArray, NdArray, NdArray, NdArray, NdArray];
      const epsilon = float("epsilon", 1e-5);
      const positions = a.data.length / scale.data.length;
      const data = a.data.map((x, i) => {
        const c = Math.floor(i / positions);
        return (scale.data[c]! * (x - mean.data[c]!)) / Math.sqrt(variance.data[c]! + epsilon) + shift.data[c]!;
      });
      return { dims: a.dims, data };
    }
    case "Flatten":
      return { ...a, dims: [1, a.data.length] };
    case "Reshape": {
      const known = b.data.reduce((product, size) => product * Math.max(size, 1), 1);
      const dims = b.data.map((size, axis) => (size === 0 ? a.dims[axis]! : size < 0 ? a.data.length / known : size));
      return { dims, data: a.data };
    }
    case "Shape":
      return { dims: [a.dims.length], data: a.dims };
    case "Gather":
      return { dims: b.dims, data: b.data.map((i) => a.data[i]!) };
    case "Unsqueeze":
      return { dims: [1, ...a.dims], data: a.data };
    case "Concat":
      // axes before it have size 1: constants have one, and data are one sample
      return {
        dims: a.dims.with(
          int("axis", 0),
          inputs.reduce((sum, { dims }) => sum + dims.at(int("axis", 0))!, 0),
        ),
        data: inputs.flatMap(({ data }) => data),
      };
    case "Resize":
    case "Upsample":
      return repeated(a, inputs.at(-1) === a ? named("scales")!.floats! : inputs.at(-1)!.data);
    case "Transpose":
      return transpose(a, named("perm")!.ints!);
    case "Conv":
      return convolution(node, a, b, inputs[2]);
    case "MaxPool":
      return pooled(node, a, (inside) => Math.max(...inside));
    case "AveragePool": {
      const taps = int("count_include_pad", 0) ? named("kernel_shape")!.ints!.reduce((x, y) => x * y) : 0;
      return pooled(node, a, (inside) => inside.reduce((x, y) => x + y, 0) / (taps || inside.length));
    }
    case "GlobalMaxPool":
      return overPositions(a, (all) => Math.max(...all));
    case "GlobalAveragePool":
      return overPositions(a, (all) => all.reduce((x, y) => x + y, 0) / all.length);
    case "MatMul":
      return product(a, b, false);
    case "Gemm": {
      const scaled = binary(product(a, b, int("transB", 0) === 1), scalar(float("alpha", 1)), (x, y) => x * y);
      if (!inputs[2]) return scaled;
      return binary(
        scaled,
        binary(inputs[2], scalar(float("beta", 1)), (x, y) => x * y),
        (x, y) => x + y,
      );
    }
    case "BipolarQuant":
      return binary(a, b, (x, scale) => (x >= 0 ? scale : -scale));
    case "Quant":
    case "IntQuant": {
      const [, scale, zero, bitWidth] = inputs as [NdArray, NdArray, NdArray, NdArray];
      const mode = new TextDecoder().decode(named("rounding_mode")!.s!).toUpperCase();
      const code = quantInt(bitWidth.data[0]!, int("signed", 1), int("narrow", 0), mode);
      const codes = binary(
        binary(a, scale, (x, s) => x / s),
        zero,
        (x, z) => code(x + z),
      );
      return binary(
        binary(codes, zero, (q, z) => q - z),
        scale,
        (q, s) => q * s,
      );
    }
    case "Softmax": {
      const largest = Math.max(...a.data);
      const powers = a.data.map((x) => Math.exp(x - largest));
      const sum = powers.reduce((total, power) => total + power, 0);
      return { dims: a.dims, data: powers.map((power) => power / sum) };
    }
    case "ArgMax":
      return { dims: int("keepdims", 1) ? [1, 1] : [1], data: [a.data.indexOf(Math.max(...a.data))] };
    default:
      throw new Error(`the definition has no ${node.op_type}`);
  }
}

/** Least and greatest integer of a type. */
const RANGES: Record<number, [least: number, most: number]> = {
  [DATA_TYPE.INT8]: [-128, 127],
  [DATA_TYPE.UINT8]: [0, 255],
  [DATA_TYPE.INT4]: [-8, 7],
  [DATA_TYPE.UINT4]: [0, 15],
  [DATA_TYPE.INT2]: [-2, 1],
  [DATA_TYPE.UINT2]: [0, 3],
};

/** saturate(round(x / scale) + zero), the quotient in f32, as ONNX has it. */
function quantizeLinear(
  x: NdArray,
  scale: NdArray,
  zero: NdArray | undefined,
  axis: number,
  see: (steps: NdArray) => void,
): NdArray {
  const type = zero?.type ?? DATA_TYPE.UINT8;
  const [least, most] = RANGES[type]!;
  see(binary(x, along(x, scale, axis), (y, s) => y / s));
  const rounded = binary(x, along(x, scale, axis), (y, s) => halfEven(Math.fround(Math.fround(y) / s)));
  const result = binary(rounded, along(x, zero ?? scalar(0), axis), (q, z) => Math.min(Math.max(q + z, least), most));
  return { ...result, type };
}

/** Exact sums of integers, or of real numbers, in steps of a result's scale: saturate(round(steps) + zero), or the zero point added before. */
function saturated(
  steps: NdArray,
  zero: NdArray | undefined,
  see: (steps: NdArray) => void,
  roundsSum = false,
): NdArray {
  const type = zero?.type ?? DATA_TYPE.UINT8;
  const [least, most] = RANGES[type]!;
  see(steps);
  const z = zero?.data[0] ?? 0;
  const rounded = (x: number) => (roundsSum ? halfEven(x + z) : halfEven(x) + z) + 0; // turns −0 into 0
  const data = steps.data.map((x) => Math.min(Math.max(rounded(x), least), most));
  return { dims: steps.dims, data, type };
}

/** Differences from a zero point: one, or one for each entry of an axis. */
function codesOf(x: NdArray, zero: NdArray | undefined, axis = 0): NdArray {
  return binary(x, along(x, zero ?? scalar(0), axis), (q, z) => q - z);
}

function times(x: NdArray, ...factors: number[]): NdArray {
  return { ...x, data: x.data.map((y) => factors.reduce((a, b) => a * b, y)) };
}

/** Sums (1, M, …) of integers, times x scale · w scale / y scale. */
function inSteps(sums: NdArray, x: NdArray, w: NdArray, y: NdArray, alpha = 1): NdArray {
  const factors = along(sums, { ...w, data: w.data.map((s) => (alpha * (x.data[0]! * s)) / y.data[0]!) }, 1);
  return binary(sums, factors, (sum, factor) => sum * factor);
}

function dequantizeLinear(x: NdArray, scale: NdArray, zero: NdArray | undefined, axis: number): NdArray {
  const codes = binary(x, along(x, zero ?? scalar(0), axis), (q, z) => q - z);
  return binary(codes, along(x, scale, axis), (e, s) => e * s);
}

/** A vector as it broadcasts along an axis of `x`. */
function along({ dims }: NdArray, vector: NdArray, axis: number): NdArray {
  if (vector.data.length === 1) return scalar(vector.data[0]!);
  return { dims: dims.map((size, i) => (i === (axis + dims.length) % dims.length ? size : 1)), data: vector.data };
}

/** ONNX `Pad` of constants. */
function padded({ dims, data, type }: NdArray, pads: readonly number[], value: number): NdArray {
  const whole = dims.map((size, axis) => size + pads[axis]! + pads[dims.length + axis]!);
  const found = Array.from({ length: whole.reduce((a, b) => a * b, 1) }, (_, i) => {
    let [from, stride, rest] = [0, 1, i];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const at = (rest % whole[axis]!) - pads[axis]!;
      rest = Math.floor(rest / whole[axis]!);
      if (at < 0 || at >= dims[axis]!) return value;
      from += at * stride;
      stride *= dims[axis]!;
    }
    return data[from]!;
  });
  return { dims: whole, data: found, ...(type !== undefined && { type }) };
}

/** Lines and columns repeated as often as whole factors of [N, C, H, W] say. */
function repeated({ dims, data }: NdArray, [, , y, x]: readonly number[]): NdArray {
  const [N, C, H, W] = dims as [number, number, number, number];
  const out: number[] = [];
  for (let plane = 0; plane < N * C; plane++) {
    for (let line = 0; line < H * y!; line++) {
      for (let column = 0; column < W * x!; column++) {
        out.push(data[(plane * H + Math.floor(line / y!)) * W + Math.floor(column / x!)]!);
      }
    }
  }
  return { dims: [N, C, H * y!, W * x!], data: out };
}

function transpose({ dims, data }: NdArray, order: number[]): NdArray {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, size) => product * size, 1));
  const turned = order.map((axis) => dims[axis]!);
  return {
    dims: turned,
    data: data.map((_, i) => {
      let [rest, at] = [i, 0];
      for (let axis = order.length - 1; axis >= 0; axis--) {
        at += (rest % turned[axis]!) * strides[order[axis]!]!;
        rest = Math.floor(rest / turned[axis]!);
      }
      return data[at]!;
    }),
  };
}

/** ONNX `MaxPool` and `AveragePool` of [1, C, H, W]: `f` of the numbers inside the picture. */
function pooled(node: NodeProto, x: NdArray, f: (inside: number[]) => number): NdArray {
  const named = (name: string) => node.attribute.find((attribute) => attribute.name === name);
  const list = (name: string) => named(name)?.ints ?? undefined;
  const [, C, H, W] = x.dims as [number, number, number, number];
  const [kh, kw] = list("kernel_shape") as [number, number];
  const [[sy, sx], [dy, dx], [top, left, bottom, right]] = [
    list("strides") ?? [1, 1],
    list("dilations") ?? [1, 1],
    list("pads") ?? [0, 0, 0, 0],
  ] as [[number, number], [number, number], [number, number, number, number]];
  const round = named("ceil_mode")?.i ? Math.ceil : Math.floor;
  const positions = (size: number, before: number, after: number, span: number, stride: number) => {
    const all = Array.from(
      { length: round((size + before + after - span) / stride) + 1 },
      (_, i) => i * stride - before,
    );
    return all.filter((start) => start < size); // none starts behind the picture
  };
  const rows = positions(H, top, bottom, (kh - 1) * dy + 1, sy);
  const columns = positions(W, left, right, (kw - 1) * dx + 1, sx);
  const data: number[] = [];
  for (let c = 0; c < C; c++) {
    for (const y of rows) {
      for (const start of columns) {
        const inside: number[] = [];
        for (let iy = y; iy < y + kh * dy; iy += dy) {
          for (let ix = start; ix < start + kw * dx; ix += dx) {
            if (iy >= 0 && iy < H && ix >= 0 && ix < W) inside.push(x.data[(c * H + iy) * W + ix]!);
          }
        }
        data.push(f(inside));
      }
    }
  }
  return { dims: [1, C, rows.length, columns.length], data };
}

/** `f` of all positions of [1, C, H, W], channel by channel. */
function overPositions({ dims: [, C, H, W], data }: NdArray, f: (all: number[]) => number): NdArray {
  const size = H! * W!;
  return { dims: [1, C!, 1, 1], data: Array.from({ length: C! }, (_, c) => f(data.slice(c * size, (c + 1) * size))) };
}

/** ONNX `Conv` of [1, C, H, W], as the specification's own loops have it. */
function convolution(node: NodeProto, x: NdArray, w: NdArray, bias: NdArray | undefined): NdArray {
  const list = (name: string) => node.attribute.find((attribute) => attribute.name === name)?.ints ?? undefined;
  const groups = node.attribute.find(({ name }) => name === "group")?.i ?? 1;
  const [, , H, W] = x.dims as [number, number, number, number];
  const [M, C, kh, kw] = w.dims as [number, number, number, number];
  const [[sy, sx], [dy, dx], [top, left, bottom, right]] = [
    list("strides") ?? [1, 1],
    list("dilations") ?? [1, 1],
    list("pads") ?? [0, 0, 0, 0],
  ] as [[number, number], [number, number], [number, number, number, number]];
  const OH = Math.floor((H + top + bottom - (kh - 1) * dy - 1) / sy) + 1;
  const OW = Math.floor((W + left + right - (kw - 1) * dx - 1) / sx) + 1;
  const data: number[] = [];
  for (let m = 0; m < M; m++) {
    for (let oy = 0; oy < OH; oy++) {
      for (let ox = 0; ox < OW; ox++) {
        let sum = bias?.data[m] ?? 0;
        for (let c = 0; c < C; c++) {
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++) {
              const [iy, ix] = [oy * sy - top + ky * dy, ox * sx - left + kx * dx];
              if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
              const channel = Math.floor(m / (M / groups)) * C + c;
              sum += w.data[((m * C + c) * kh + ky) * kw + kx]! * x.data[(channel * H + iy) * W + ix]!;
            }
          }
        }
        data.push(sum);
      }
    }
  }
  return { dims: [1, M, OH, OW], data };
}

function halfEven(x: number): number {
  const size = Math.abs(x);
  const tie = size - Math.floor(size) === 0.5;
  return Math.sign(x) * (tie ? 2 * Math.round(size / 2) : Math.round(size));
}

/** qonnx, `custom_op/general/intquant.py`: `quant`, `min_int`, `max_int`, `resolve_rounding_mode`. */
function quantInt(bits: number, signed: number, narrow: number, mode: string): (y: number) => number {
  if (bits === 1 && signed) return (y) => (y >= 0 ? 1 : -1);
  const min = signed ? -(2 ** (bits - 1)) + narrow : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - narrow;
  return (y) => {
    const clamped = y > max ? max : y < min ? min : y;
    const sign = clamped < 0 ? -1 : 1;
    const size = Math.abs(clamped);
    const tie = size - Math.floor(size) === 0.5;
    switch (mode) {
      case "ROUND":
      case "HALF_EVEN":
        return sign * (tie ? 2 * Math.round(size / 2) : Math.round(size));
      case "CEIL":
        return Math.ceil(clamped);
      case "FLOOR":
        return Math.floor(clamped);
      case "UP":
        return sign * Math.ceil(size);
      case "DOWN":
        return sign * Math.floor(size);
      case "HALF_UP":
        return sign * (tie ? Math.ceil(size) : Math.round(size));
      case "HALF_DOWN":
        return sign * (tie ? Math.floor(size) : Math.round(size));
      default:
        throw new Error(`the definition has no ${mode}`);
    }
  };
}

function product(x: NdArray, w: NdArray, transposed: boolean): NdArray {
  const [inputs, outputs] = (transposed ? w.dims.toReversed() : w.dims) as [number, number];
  const data = Array.from({ length: outputs }, (_, m) => {
    let sum = 0;
    for (let k = 0; k < inputs; k++) sum += x.data[k]! * w.data[transposed ? m * inputs + k : k * outputs + m]!;
    return sum;
  });
  return { dims: [1, outputs], data };
}

function binary(a: NdArray, b: NdArray, f: (x: number, y: number) => number): NdArray {
  const rank = Math.max(a.dims.length, b.dims.length);
  const pad = (dims: number[]): number[] => [...new Array<number>(rank - dims.length).fill(1), ...dims];
  const [m, n] = [pad(a.dims), pad(b.dims)];
  const dims = m.map((size, axis) => Math.max(size, n[axis]!));
  const count = dims.reduce((total, size) => total * size, 1);
  const data = Array.from({ length: count }, (_, i) => f(a.data[offset(i, dims, m)]!, b.data[offset(i, dims, n)]!));
  return { dims, data };
}

/** Where element `i` of an array of shape `dims` lies in one of shape `own`, which broadcasts to it. */
function offset(i: number, dims: number[], own: number[]): number {
  let result = 0;
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const index = i % dims[axis]!;
    i = Math.floor(i / dims[axis]!);
    if (own[axis] !== 1) result += index * stride;
    stride *= own[axis]!;
  }
  return result;
}

function scalar(x: number): NdArray {
  return { dims: [], data: [x] };
}

/** Tests write FLOAT and integers, those below a byte the first in the lowest bits. */
function fromProto({ dims, data_type: type, raw_data }: TensorProto): NdArray {
  const view = new DataView(raw_data!.slice().buffer);
  const field = (i: number, bits: number) => (view.getUint8((i * bits) >> 3) >> ((i * bits) & 7)) & (2 ** bits - 1);
  const signed = (x: number, bits: number) => (x << (32 - bits)) >> (32 - bits);
  const read: Record<number, (i: number) => number> = {
    [DATA_TYPE.FLOAT]: (i) => view.getFloat32(4 * i, true),
    [DATA_TYPE.INT64]: (i) => Number(view.getBigInt64(8 * i, true)),
    [DATA_TYPE.INT32]: (i) => view.getInt32(4 * i, true),
    [DATA_TYPE.INT8]: (i) => view.getInt8(i),
    [DATA_TYPE.UINT8]: (i) => view.getUint8(i),
    [DATA_TYPE.INT4]: (i) => signed(field(i, 4), 4),
    [DATA_TYPE.UINT4]: (i) => field(i, 4),
    [DATA_TYPE.INT2]: (i) => signed(field(i, 2), 2),
    [DATA_TYPE.UINT2]: (i) => field(i, 2),
  };
  const count = dims.reduce((product, size) => product * size, 1);
  return { dims, data: Array.from({ length: count }, (_, i) => read[type!]!(i)), type: type! };
}
