import { InputError } from "../../base/errors.ts";
import type { Builder, Result, Step } from "./builder.ts";
import type { Layer, LayerOp, SequenceOp } from "./layers.ts";

// Layers of sequences [positions, channels], as ONNX has them behind an axis of the batch.

type Add<Op extends LayerOp> = (to: Builder, step: Step, layer: Layer<Op>) => Result;

/** The least that the greatest |x| of a position counts as (BitNet's code). */
const LEAST = 1e-5;
const EPSILON = 1e-5;

export const SEQUENCE_NODES: { [Op in SequenceOp]: Add<Op> } = {
  tokens(to, { input, emit, where }) {
    if (input.shape.length !== 3) throw new InputError(`${where}: its input is ${shapeOf(input)}, expected a picture`);
    const [channels, height, width] = input.shape as [number, number, number];
    const flat = emit("Reshape", [input.value, to.whole([0, channels, height * width])], [], {}, "more");
    return emit("Transpose", [flat.value], [height * width, channels], { perm: [0n, 2n, 1n] });
  },

  class_token(to, step, { name, tensors }) {
    const { input, emit } = step;
    const [positions, channels] = sequenceOf(step);
    const token = to.shaped(tensors?.token ?? `${name}.token`, step, "token", [1, 1, channels]);
    return emit("Concat", [token, input.value], [positions + 1, channels], { axis: 1n });
  },

  positions(to, step, { name, tensors }) {
    const { input, emit } = step;
    const by = to.shaped(tensors?.embedding ?? `${name}.embedding`, step, "embedding", sequenceOf(step));
    return emit("Add", [input.value, by], input.shape);
  },

  layer_norm(to, step, { name, tensors, epsilon }) {
    const { input, emit } = step;
    const channels = channelsOf(step);
    const weight = to.tensorName(tensors?.weight, `${name}.weight`);
    const bias = to.tensorName(tensors?.bias, `${name}.bias`);
    const operands = [gainOf(to, step, weight, channels)];
    if (bias !== undefined) operands.push(to.perChannel(bias, step, "bias", channels, 0));
    const attributes = { axis: -1n, epsilon: epsilon ?? EPSILON };
    return emit("LayerNormalization", [input.value, ...operands], input.shape, attributes);
  },

  rms_norm(to, step, { name, tensors, epsilon }) {
    const { input, emit } = step;
    const channels = channelsOf(step);
    const gain = gainOf(to, step, to.tensorName(tensors?.weight, `${name}.weight`), channels);
    return emit("RMSNormalization", [input.value, gain], input.shape, { axis: -1n, epsilon: epsilon ?? EPSILON });
  },

  gelu: (_, { input, emit }, { approximate }) =>
    emit("Gelu", [input.value], input.shape, { approximate: approximate ?? "none" }),

  silu(_, { input, emit }) {
    const gate = emit("Sigmoid", [input.value], input.shape, {}, "more");
    return emit("Mul", [input.value, gate.value], input.shape);
  },

  relu2(to, { input, emit }) {
    const half = emit("Relu", [input.value], input.shape, {}, "more");
    return emit("Pow", [half.value, to.number(2)], input.shape);
  },

  multiply(to, step, layer) {
    const { input, emit } = step;
    const other = to.resultBeside(step, layer.with);
    return emit("Mul", [input.value, other.value], input.shape);
  },

  attention(to, step, layer) {
    const [positions] = sequenceOf(step);
    const [queries, keys, values] = partsOf(to, step, layer);
    const channels = queries.shape[1]!;
    const { heads } = layer;
    if (channels % heads !== 0) {
      throw new InputError(`${step.path}.heads: found ${heads}, expected a divisor of ${channels} channels`);
    }
    const size = channels / heads;
    const more = (op: string, inputs: string[], attributes = {}) => step.emit(op, inputs, [], attributes, "more").value;
    const split = to.whole([0, positions, heads, size]);
    const ofHeads = (part: Result, perm: bigint[]) =>
      more("Transpose", [more("Reshape", [part.value, split])], { perm });
    const [q, k, v] = [
      ofHeads(queries, [0n, 2n, 1n, 3n]),
      ofHeads(keys, [0n, 2n, 3n, 1n]),
      ofHeads(values, [0n, 2n, 1n, 3n]),
    ];
    const scores = more("Mul", [more("MatMul", [q, k]), to.number(size ** -0.5)]);
    const sums = more("MatMul", [more("Softmax", [scores], { axis: -1n }), v]);
    const joined = more("Transpose", [sums], { perm: [0n, 2n, 1n, 3n] });
    return step.emit("Reshape", [joined, to.whole([0, positions, channels])], [positions, channels]);
  },

  mean(to, step) {
    const channels = sequenceOf(step)[1];
    return step.emit("ReduceMean", [step.input.value, to.whole([1])], [channels], { keepdims: 0n });
  },

  pick(to, step, { position }) {
    const [positions, channels] = sequenceOf(step);
    if (position >= positions) {
      throw new InputError(`${step.path}.position: found ${position}, expected one of ${positions} from 0`);
    }
    const index = to.index(position);
    return step.emit("Gather", [step.input.value, index], [channels], { axis: 1n });
  },
};

/** Codes of a layer's input times their scale, which is that of the greatest |x| of each position (Ma et al., arXiv 2402.17764). */
export function codesOf(to: Builder, { input, emit }: Step, bits: 8 | 4): string {
  const levels = 2 ** (bits - 1) - 1;
  const more = (op: string, inputs: string[], attributes = {}) => emit(op, inputs, [], attributes, "more").value;
  const sizes = more("Abs", [input.value]);
  const greatest = more("ReduceMax", [sizes, to.whole([-1])], { keepdims: 1n });
  const scale = more("Div", [to.number(levels), more("Max", [greatest, to.number(LEAST)])]);
  return more("Div", [more("Round", [more("Mul", [input.value, scale])]), scale]);
}

/** Queries, keys and values: three layers' results, or parts of one. */
function partsOf(to: Builder, step: Step, { keys, values }: Layer<"attention">): [Result, Result, Result] {
  const { input, path, where } = step;
  const [positions, channels] = sequenceOf(step);
  if ((keys === undefined) !== (values === undefined)) {
    throw new InputError(`${path}: found ${keys === undefined ? "values" : "keys"} alone, expected keys and values`);
  }
  if (keys !== undefined && values !== undefined) {
    const others = [to.resultOf(keys, `${path}.keys`), to.resultOf(values, `${path}.values`)] as const;
    const other = others.find(({ shape }) => `${shape}` !== `${input.shape}`);
    if (other) throw new InputError(`${where}: found ${shapeOf(input)} and ${shapeOf(other)}, expected equal shapes`);
    return [input, ...others];
  }
  if (channels % 3 !== 0) {
    throw new InputError(`${where}: its input has ${channels} channels, expected those of queries, keys and values`);
  }
  const size = channels / 3;
  const part = (i: number): Result => {
    const bounds = [[i * size], [(i + 1) * size], [2]].map((each) => to.whole(each));
    return step.emit("Slice", [input.value, ...bounds], [positions, size], {}, "more");
  };
  return [part(0), part(1), part(2)];
}

/** Positions and channels of a layer's input. */
function sequenceOf({ input, where }: Step): [number, number] {
  if (input.shape.length === 2) return input.shape as [number, number];
  throw new InputError(`${where}: its input is ${shapeOf(input)}, expected a sequence [positions, channels]`);
}

/** Channels of a sequence, or features of a vector. */
function channelsOf({ input, where }: Step): number {
  if (input.shape.length < 3) return input.shape.at(-1)!;
  throw new InputError(
    `${where}: its input is a picture ${shapeOf(input)}, expected a sequence: a layer tokens before it`,
  );
}

/** Gains of a norm, which are 1 where the file has none. */
function gainOf(to: Builder, step: Step, name: string | undefined, channels: number): string {
  return name === undefined ? to.filled(channels, 1) : to.perChannel(name, step, "weight", channels, 0);
}

function shapeOf({ shape }: Result): string {
  return `[${shape.join(", ")}]`;
}
