import { floatTensor, int64Tensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { Random } from "../graph/random.ts";

// Parts of encoders as exporters write them, with random constants.

type Nodes = ReturnType<typeof node>[];
type Constants = ReturnType<typeof floatTensor>[];

/** A file while it is written: every constant is random, and named after the node that reads it. */
export class File {
  readonly nodes: Nodes = [];
  readonly constants: Constants = [];
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  floats(dims: number[], of = () => this.random.unit() * 2 - 1): string {
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, of);
    this.constants.push(floatTensor(`c${this.constants.length}`, dims, values));
    return `c${this.constants.length - 1}`;
  }

  number(x: number): string {
    return this.floats([], () => x);
  }

  ints(...values: number[]): string {
    this.constants.push(int64Tensor(`c${this.constants.length}`, [values.length], values));
    return `c${this.constants.length - 1}`;
  }

  /** An integer without an axis. */
  index(value: number): string {
    this.constants.push(int64Tensor(`c${this.constants.length}`, [], [value]));
    return `c${this.constants.length - 1}`;
  }

  add(op: string, inputs: string[], attributes: Parameters<typeof node>[3] = {}, outputs = 1): string[] {
    const names = Array.from({ length: outputs }, (_, i) => `v${this.nodes.length}_${i}`);
    const made = node(op, inputs, names[0]!, attributes);
    this.nodes.push({ ...made, output: names });
    return names;
  }

  one(op: string, inputs: string[], attributes: Parameters<typeof node>[3] = {}): string {
    return this.add(op, inputs, attributes)[0]!;
  }

  linear(x: string, inputs: number, outputs: number): string {
    const product = this.one("MatMul", [
      x,
      this.floats([inputs, outputs], () => (this.random.unit() * 2 - 1) / Math.sqrt(inputs)),
    ]);
    return this.one("Add", [product, this.floats([outputs])]);
  }

  bytes(input: number[], output: string): Uint8Array {
    const [inputs, outputs] = [[valueInfo("x", ["N", ...input])], [valueInfo(output, ["N"])]];
    const graph = { node: this.nodes, initializer: this.constants, input: inputs, output: outputs };
    return encodeModel(model(graph, { "": 20 }, { name: "test", version: "1" }));
  }
}

export const NORMS: Record<string, (file: File, x: string, channels: number) => string> = {
  fused: (file, x, C) =>
    file.one("LayerNormalization", [x, file.floats([C]), file.floats([C])], { axis: -1n, epsilon: 1e-5 }),

  decomposed(file, x, C) {
    const mean = file.one("ReduceMean", [x], { axes: [-1n] });
    const centered = file.one("Sub", [x, mean]);
    const variance = file.one("ReduceMean", [file.one("Pow", [centered, file.number(2)])], { axes: [-1n] });
    const deviation = file.one("Sqrt", [file.one("Add", [variance, file.number(1e-5)])]);
    const normed = file.one("Div", [centered, deviation]);
    return file.one("Add", [file.one("Mul", [normed, file.floats([C])]), file.floats([C])]);
  },
};

export const GELUS: Record<string, (file: File, x: string) => string> = {
  fused: (file, x) => file.one("Gelu", [x]),
  "fused, of tanh": (file, x) => file.one("Gelu", [x], { approximate: "tanh" }),
  relu: (file, x) => file.one("Relu", [x]),

  "x (1 + erf(x / √2)) / 2"(file, x) {
    const phi = file.one("Add", [file.one("Erf", [file.one("Div", [x, file.number(Math.SQRT2)])]), file.number(1)]);
    return file.one("Mul", [file.one("Mul", [x, phi]), file.number(0.5)]);
  },

  "x / 2 (1 + erf(x √½))"(file, x) {
    const phi = file.one("Add", [file.number(1), file.one("Erf", [file.one("Mul", [x, file.number(Math.SQRT1_2)])])]);
    return file.one("Mul", [file.one("Mul", [x, file.number(0.5)]), phi]);
  },
};

/** RMSNorm, as PyTorch writes it. */
export const RMS_NORMS: Record<string, (file: File, x: string, channels: number) => string> = {
  fused: (file, x, C) => file.one("RMSNormalization", [x, file.floats([C])], { axis: -1n, epsilon: 1e-5 }),

  "x · (1 / root) · gain"(file, x, C) {
    const square = file.one("ReduceMean", [file.one("Pow", [x, file.number(2)])], { axes: [-1n] });
    const root = file.one("Sqrt", [file.one("Add", [square, file.number(1e-5)])]);
    return file.one("Mul", [file.one("Mul", [x, file.one("Reciprocal", [root])]), file.floats([C])]);
  },

  "x · x, to the power −½"(file, x) {
    const square = file.one("ReduceMean", [file.one("Mul", [x, x])], { axes: [-1n] });
    const inverse = file.one("Pow", [file.one("Add", [file.number(1e-5), square]), file.number(-0.5)]);
    return file.one("Mul", [inverse, x]);
  },

  "x / root"(file, x) {
    const square = file.one("ReduceMean", [file.one("Mul", [x, x])], { axes: [-1n] });
    return file.one("Div", [x, file.one("Sqrt", [file.one("Add", [square, file.number(1e-5)])])]);
  },
};

/** BitLinear of K inputs and M outputs, as its implementations compute it. */
export const BIT_LINEARS: Record<string, (file: File, x: string, K: number, M: number) => string> = {
  "codes divided, gradients passed through, weights latent"(file, x, K, M) {
    const scale = file.one("Div", [file.number(127), most(file, x)]);
    const codes = file.one("Clip", [
      file.one("Round", [file.one("Mul", [x, scale])]),
      file.number(-128),
      file.number(127),
    ]);
    const real = file.one("Add", [x, file.one("Sub", [file.one("Div", [codes, scale]), x])]);
    const w = file.floats([M, K]);
    const mean = file.one("ReduceMean", [file.one("Abs", [w])], { axes: [0n, 1n] });
    const inverse = file.one("Reciprocal", [file.one("Clip", [mean, file.number(1e-5)])]);
    const rounded = file.one("Round", [file.one("Mul", [w, inverse])]);
    const ternary = file.one("Div", [file.one("Clip", [rounded, file.number(-1), file.number(1)]), inverse]);
    const weights = file.one("Add", [w, file.one("Sub", [ternary, w])]);
    const product = file.one("MatMul", [real, file.one("Transpose", [weights], { perm: [1n, 0n] })]);
    return file.one("Add", [product, file.floats([M])]);
  },

  "sums divided by both scales"(file, x, K, M) {
    const scale = file.one("Mul", [file.one("Reciprocal", [most(file, x)]), file.number(127)]);
    const codes = file.one("Round", [file.one("Mul", [x, scale])]);
    const sums = file.one("MatMul", [codes, ternaryCodes(file, K, M)]);
    return file.one("Div", [file.one("Div", [sums, scale]), file.number(0.37)]);
  },

  "sums times both scales, 4 bits"(file, x, K, M) {
    const scale = file.one("Div", [most(file, x), file.number(7)]);
    const codes = file.one("Clip", [file.one("Round", [file.one("Div", [x, scale])]), file.number(-8), file.number(7)]);
    const sums = file.one("MatMul", [codes, ternaryCodes(file, K, M)]);
    return file.one("Mul", [sums, file.one("Mul", [scale, file.number(0.37)])]);
  },

  "codes times their scale, weights on a grid"(file, x, K, M) {
    const greatest = file.one("ReduceMax", [file.one("Abs", [x])], { axes: [-1n] });
    const scale = file.one("Div", [file.one("Max", [greatest, file.number(1e-5)]), file.number(127)]);
    const real = file.one("Mul", [file.one("Round", [file.one("Div", [x, scale])]), scale]);
    return file.one("MatMul", [real, file.one("Mul", [ternaryCodes(file, K, M), file.number(0.37)])]);
  },
};

export function most(file: File, x: string): string {
  const greatest = file.one("ReduceMax", [file.one("Abs", [x])], { axes: [-1n] });
  return file.one("Clip", [greatest, file.number(1e-5)]);
}

export function ternaryCodes(file: File, K: number, M: number): string {
  return file.floats([K, M], () => file.random.int(-1, 1));
}

/** Scores of queries and keys, times 1 / √d, as three exporters write it. */
export const SCALES: Record<string, (file: File, q: string, k: string, d: number) => string> = {
  "scores divided": (file, q, k, d) => file.one("Div", [file.one("MatMul", [q, k]), file.number(Math.sqrt(d))]),
  "queries multiplied": (file, q, k, d) => file.one("MatMul", [file.one("Mul", [q, file.number(d ** -0.5)]), k]),
  "both multiplied": (file, q, k, d) =>
    file.one("MatMul", [file.one("Mul", [q, file.number(d ** -0.25)]), file.one("Mul", [k, file.number(d ** -0.25)])]),
};

export interface Form {
  norm: string;
  gelu: string;
  scale: string;
  heads: number;
  isFused: boolean;
}

/** An encoder of T positions and C channels, its norm before or behind. */
export function encoder(
  file: File,
  x: string,
  T: number,
  C: number,
  { norm, gelu, scale, heads, isFused }: Form,
): string {
  const before = NORMS[norm]!(file, x, C);
  const parts = isFused
    ? file.add("Split", [file.linear(before, C, 3 * C), file.ints(C, C, C)], { axis: 2n }, 3)
    : [0, 1, 2].map(() => file.linear(before, C, C));
  const middle = file.one("Add", [x, file.linear(attended(file, parts, T, C, heads, scale), C, C)]);
  const hidden = GELUS[gelu]!(file, file.linear(NORMS[norm]!(file, middle, C), C, 2 * C));
  return file.one("Add", [middle, file.linear(hidden, 2 * C, C)]);
}

/** Attention over queries, keys and values of T positions and C channels. */
export function attended(
  file: File,
  parts: string[],
  T: number,
  C: number,
  heads: number,
  scale = "scores divided",
): string {
  const split = parts.map((part) => file.one("Reshape", [part, file.ints(-1, T, heads, C / heads)]));
  const [q, k, v] = split.map((part, i) =>
    file.one("Transpose", [part], { perm: i === 1 ? [0n, 2n, 3n, 1n] : [0n, 2n, 1n, 3n] }),
  ) as [string, string, string];
  const weights = file.one("Softmax", [SCALES[scale]!(file, q, k, C / heads)], { axis: -1n });
  const joined = file.one("Transpose", [file.one("MatMul", [weights, v])], { perm: [0n, 2n, 1n, 3n] });
  return file.one("Reshape", [joined, file.ints(-1, T, C)]);
}

/** A mean of positions, so that a case ends in one vector. */
export function scores(file: File, x: string): string {
  return file.one("ReduceMean", [x], { axes: [1n], keepdims: 0n });
}
