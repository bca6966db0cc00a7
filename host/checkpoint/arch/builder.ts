import { CheckpointError, InputError, type Unsupported } from "../../base/errors.ts";
import { MAX_WEIGHTS } from "../../base/limits.ts";
import { didYouMean } from "../../base/nearest.ts";
import { shown } from "../../base/printable.ts";
import { type FreshName, freshNames } from "../../graph/names.ts";
import { findGrid } from "../grid.ts";
import { type AttributeValue, floatTensor, int64Tensor, node } from "../onnx/build.ts";
import { DATA_TYPE, type Draft, type NodeProto, type TensorProto } from "../onnx/proto.ts";
import { elements } from "../tensor.ts";
import type { StoredTensor, WeightsFile } from "../weights_file.ts";
import type { Factor, Layer, Pair } from "./layers.ts";
import {
  bitsOf,
  centredOn,
  type GivenQuantizer,
  type HalfWord,
  halfCodes,
  isHalf,
  measuredScale,
  type WholeQuantizer,
  wholeQuantizer,
} from "./quantize.ts";

/** The domain of QONNX's quantizers. */
export const QONNX = "qonnx.custom_op.general";

/** What a layer gives: a vector [features], or a picture [channels, height, width]. */
export interface Result {
  value: string;
  shape: readonly number[];
}

/** One layer on its way into the model. */
export interface Step {
  /** What errors call it: `layer "conv1" (conv2d)`. */
  where: string;
  /** What errors call its text: arch.layers[3]. */
  path: string;
  input: Result;
  /** Adds a node that gives the layer's result; with `more`, a value on the way to it. */
  emit(op: string, inputs: string[], shape: readonly number[], attributes?: Attributes, more?: "more"): Result;
}

type Attributes = Record<string, AttributeValue>;

/** Weights in a file, and how they come to (outputs, inputs), or (outputs, inputs of a group, height, width). */
export interface Arrangement {
  name: string;
  dims: number[];
  /** Tells one arrangement of a tensor from another. */
  key: string;
  arrange(data: Float64Array): Float64Array;
}

/** Weights on their way through a quantizer of their own. */
export interface Latent extends Pick<Arrangement, "name" | "dims" | "arrange"> {
  step: Step;
  /** As the file has them. */
  tensor: StoredTensor;
  /** Adds them as they are, arranged, and gives the name of the constant. */
  latent(): string;
}

/** A quantizer of weights for which a network described by hand has no words. */
export interface OwnQuantizer {
  /** Tells one from another. */
  key: string;
  /** Adds what quantizes weights, and gives the name of the value. */
  quantize(weights: Latent): string;
}

type WithWeights = "dense" | "conv2d" | "depthwise";

/** A layer with weights, whose sizes are theirs if it says none; what makes codes of them may be a quantizer of its own. */
export type Weighted<Op extends WithWeights = WithWeights> = {
  [O in Op]: Omit<Layer<O>, "weights" | "outputs" | "kernel"> & {
    weights: GivenQuantizer | OwnQuantizer | undefined;
    outputs?: number | undefined;
    kernel?: Pair | undefined;
  };
}[Op];

function isOwn(weights: NonNullable<Weighted["weights"]>): weights is OwnQuantizer {
  return typeof weights === "object" && "quantize" in weights;
}

/** Names of tensors that a note lists. */
const MAX_LISTED = 8;

/** A QONNX model in the making: its nodes, and the tensors of a file that are its constants. */
export class Builder {
  readonly nodes: Draft<NodeProto>[] = [];
  readonly constants: Draft<TensorProto>[] = [];
  /** Weights that would need a quantizer. */
  readonly floats: Unsupported[] = [];
  /** Of layers, and of the input, by their names. */
  readonly results = new Map<string, Result>();
  /** The order in which a vector has the elements of a picture. */
  readonly order: "chw" | "hwc";
  /** Makes a name that nothing else has. */
  readonly fresh: FreshName;
  readonly #file: Pick<WeightsFile, "tensors">;
  readonly #instead: string;
  /** Constants and quantized weights that are there already, by what they are made of. */
  readonly #made = new Map<string, string>();
  readonly #used = new Set<string>();
  #elements = 0;

  /** `names`: those that are taken. `instead`: what would help where weights have no quantizer. */
  constructor(file: Pick<WeightsFile, "tensors">, names: Iterable<string>, order: "chw" | "hwc", instead: string) {
    this.#file = file;
    this.#instead = instead;
    this.order = order;
    this.fresh = freshNames(new Set(names));
  }

  step(name: string, op: string, path: string, input: Result): Step {
    const where = `layer "${shown(name)}" (${op})`;
    const emit: Step["emit"] = (opType, inputs, shape, attributes = {}, more) => {
      const output = more ? this.fresh(`${name}.${opType.toLowerCase()}`) : name;
      const domain = opType.endsWith("Quant") ? QONNX : "";
      this.nodes.push({ ...node(opType, inputs, output, attributes, domain), name });
      return { value: output, shape };
    };
    return { where, path, input, emit };
  }

  /** The result of an earlier layer, or of the input. */
  resultOf(name: string, path: string): Result {
    const result = this.results.get(name);
    if (result) return result;
    const hint = didYouMean(name, [...this.results.keys()]);
    throw new InputError(
      `${path}: found "${shown(name)}"${hint || ","} expected the name of an earlier layer, or of the input`,
    );
  }

  /** The result of another layer, of the shape of this one's input. */
  resultBeside({ input, path, where }: Step, name: string): Result {
    const other = this.resultOf(name, `${path}.with`);
    if (`${other.shape}` === `${input.shape}`) return other;
    const shapes = `[${input.shape.join(", ")}] and "${shown(name)}" [${other.shape.join(", ")}]`;
    throw new InputError(`${where}: found shapes ${shapes}, expected equal ones`);
  }

  /** What is worth saying about the tensors of the file. */
  notes(): string[] {
    const { tensors } = this.#file;
    // PyTorch counts the batches that a batch norm was trained on; no inference reads that
    const idle = [...tensors.keys()].filter((name) => !this.#used.has(name) && !name.endsWith(".num_batches_tracked"));
    if (idle.length === 0) return [];
    const some = idle.slice(0, MAX_LISTED).map((name) => `"${shown(name)}"`);
    const rest = idle.length > some.length ? `, and ${idle.length - some.length} more` : "";
    return [`${idle.length} of ${tensors.size} tensors are used by no layer: ${some.join(", ")}${rest}`];
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  /** A tensor of the file; `what` it is to a layer. */
  tensor(name: string, { where }: Step, what: string): StoredTensor {
    const tensor = this.#file.tensors.get(name);
    if (!tensor) {
      const hint = didYouMean(name, [...this.#file.tensors.keys()]);
      throw new CheckpointError(`${where}: its ${what} "${shown(name)}" is not in the file${hint}`);
    }
    this.#used.add(name);
    return tensor;
  }

  /** A tensor whose elements count when they are read. */
  #counted(tensor: StoredTensor, { where }: Step): StoredTensor {
    return { ...tensor, read: () => this.#read(tensor, where) };
  }

  /** Elements of a tensor, which count against those that a network may have. */
  #read(tensor: StoredTensor, where: string): Float64Array {
    this.#elements += elements(tensor.dims);
    if (this.#elements > MAX_WEIGHTS) {
      throw new CheckpointError(
        `${where}: more than ${MAX_WEIGHTS} weights up to here, expected at most so many in a network`,
      );
    }
    return tensor.read();
  }

  /** Adds a constant, once for all that ask for the same, and gives its name. `key` tells what it is made of. */
  constant(key: string, wish: string, make: () => { dims: number[]; data: ArrayLike<number> }): string {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const { dims, data } = make();
    const name = this.fresh(wish);
    this.constants.push(exactTensor(name, dims, data));
    this.#made.set(key, name);
    return name;
  }

  /** A vector of equal numbers. */
  filled(count: number, value: number): string {
    const make = () => ({ dims: [count], data: new Float64Array(count).fill(value) });
    return this.constant(`${count} times ${value}`, `${value}`, make);
  }

  number(value: number): string {
    return this.constant(`number ${value}`, `${value}`, () => ({ dims: [], data: [value] }));
  }

  /** A vector of whole numbers. */
  whole(values: readonly number[]): string {
    const key = `whole ${values}`;
    return this.#once(key, () => {
      const name = this.fresh(key);
      this.constants.push(int64Tensor(name, [values.length], values));
      return name;
    });
  }

  /** A tensor of one number per channel, before `rank` axes more. */
  perChannel(name: string, step: Step, what: string, channels: number, rank: number): string {
    const tensor = this.tensor(name, step, what);
    if (elements(tensor.dims) !== channels) throw unfit(step, what, name, tensor.dims, `[${channels}]`);
    return this.constant(`channels ${rank} ${name}`, name, () => {
      return { dims: [channels, ...ones(rank)], data: this.#read(tensor, step.where) };
    });
  }

  /** The name of a tensor that a layer need not have: as given; else the usual one, if it is there. */
  tensorName(given: string | false | undefined, usual: string): string | undefined {
    if (given === undefined) return this.has(usual) ? usual : undefined;
    return given === false ? undefined : given;
  }

  /** A tensor of these axes; the file may have more or fewer of size 1 in front. */
  shaped(name: string, step: Step, what: string, dims: readonly number[]): string {
    const tensor = this.tensor(name, step, what);
    const own = (sizes: readonly number[]) => sizes.slice(sizes.findIndex((size) => size !== 1));
    if (`${own(tensor.dims)}` !== `${own(dims)}`) throw unfit(step, what, name, tensor.dims, `[${dims.join(", ")}]`);
    return this.constant(`shaped ${dims} ${name}`, name, () => {
      return { dims: [...dims], data: this.#read(tensor, step.where) };
    });
  }

  /** A factor: a number, or a tensor with one or one per channel. */
  factor(factor: Factor, step: Step, channels: number, rank: number): string {
    if (typeof factor === "number") return this.number(factor);
    const tensor = this.tensor(factor.tensor, step, "scale");
    if (elements(tensor.dims) !== 1) return this.perChannel(factor.tensor, step, "scale", channels, rank);
    return this.constant(`scalar ${factor.tensor}`, factor.tensor, () => {
      return { dims: [], data: this.#read(tensor, step.where) };
    });
  }

  /** Weights behind their quantizer. Those that have none, and would need one, are kept in `floats`. */
  weights(step: Step, layer: Weighted, { name, dims, key, arrange }: Arrangement): string {
    const tensor = this.tensor(name, step, "weight");
    let data: Float64Array | undefined;
    const read = () => {
      data ??= arrange(this.#read(tensor, step.where));
      return data;
    };
    const latent = () => this.constant(`weights ${key} ${name}`, name, () => ({ dims, data: read() }));
    if (layer.weights === undefined) {
      return this.#once(`bare ${key} ${name}`, () => {
        if (!findGrid(read(), dims[0]!)) this.floats.push(floatWeights(layer, name, tensor, this.#instead));
        return latent();
      });
    }
    if (isOwn(layer.weights)) {
      const { key: own, quantize } = layer.weights;
      return this.#once(`${own} ${key} ${name}`, () =>
        quantize({ step, latent, tensor: this.#counted(tensor, step), name, dims, arrange }),
      );
    }
    const quantizer = wholeQuantizer(layer.weights, `${step.path}.weights`);
    return this.#once(`quantized ${JSON.stringify(quantizer)} ${key} ${name}`, () => {
      const { as } = quantizer;
      if (as === "codes") checkCodes(read(), name, step);
      if (isHalf(as)) return this.#halves(step, read, name, dims, quantizer, as);
      const centred = () => ({ dims, data: centredOn(read()) });
      const given = quantizer.centred ? this.constant(`centred ${key} ${name}`, name, centred) : latent();
      return this.#quantized(step, given, this.#scaleOf(step, read, name, dims, key, quantizer), as);
    });
  }

  /** A whole number without an axis. */
  index(value: number): string {
    return this.#once(`index ${value}`, () => {
      const name = this.fresh(`index ${value}`);
      this.constants.push(int64Tensor(name, [], [value]));
      return name;
    });
  }

  #once(key: string, make: () => string): string {
    const name = this.#made.get(key) ?? make();
    this.#made.set(key, name);
    return name;
  }

  #scaleOf(
    step: Step,
    read: () => Float64Array,
    name: string,
    dims: number[],
    key: string,
    quantizer: WholeQuantizer,
  ): string {
    const [outputs, rank] = [dims[0]!, dims.length - 1];
    if (quantizer.divides) return this.#inverseScale(step, outputs, rank, quantizer);
    if (typeof quantizer.scale !== "string") return this.factor(quantizer.scale, step, outputs, rank);
    return this.constant(`scale ${JSON.stringify(quantizer)} ${key} ${name}`, `${name}.scale`, () => {
      const data = measuredScale(read(), outputs, quantizer);
      return { dims: data.length === 1 ? [] : [outputs, ...ones(rank)], data };
    });
  }

  /** 1 / scale, in float64. */
  #inverseScale(step: Step, outputs: number, rank: number, quantizer: WholeQuantizer): string {
    const scale = this.#scales(step, new Float64Array(0), outputs, quantizer);
    const bad = scale.find((s) => s === 0);
    if (bad !== undefined) throw new CheckpointError(`${step.where}: its scale is 0, expected a number to divide by`);
    const dims = scale.length === 1 ? [] : [outputs, ...ones(rank)];
    const tensor = exactTensor(
      this.fresh("inverse.scale"),
      dims,
      scale.map((s) => 1 / s),
    );
    this.constants.push(tensor);
    return tensor.name!;
  }

  /** Odd integers times half a scale. */
  #halves(
    step: Step,
    read: () => Float64Array,
    name: string,
    dims: number[],
    quantizer: WholeQuantizer,
    as: HalfWord,
  ): string {
    const scale = this.#scales(step, read(), dims[0]!, quantizer);
    const codes = floatTensor(this.fresh(name), dims, halfCodes(read(), scale, as));
    const rank = scale.length === 1 ? [] : [dims[0]!, ...ones(dims.length - 1)];
    const half = exactTensor(
      this.fresh(`${name}.scale`),
      rank,
      scale.map((s) => s / 2),
    );
    this.constants.push(codes, half);
    return step.emit("Mul", [codes.name!, half.name!], [], {}, "more").value;
  }

  /** The scales of weights in rows of outputs: one, or one of each. */
  #scales(step: Step, data: Float64Array, outputs: number, quantizer: WholeQuantizer): Float64Array {
    const { scale } = quantizer;
    if (typeof scale === "string") return measuredScale(data, outputs, quantizer);
    if (typeof scale === "number") return Float64Array.of(scale);
    const tensor = this.tensor(scale.tensor, step, "scale");
    const count = elements(tensor.dims);
    if (count === 1 || count === outputs) return this.#read(tensor, step.where);
    throw unfit(step, "scale", scale.tensor, tensor.dims, `[${outputs}]`);
  }

  #quantized({ emit }: Step, weights: string, scale: string, as: Exclude<WholeQuantizer["as"], HalfWord>): string {
    if (as === "binary") return emit("BipolarQuant", [weights, scale], [], {}, "more").value;
    if (as === "codes") return emit("Mul", [weights, scale], [], {}, "more").value;
    const operands = [weights, scale, this.number(0), this.number(bitsOf(as).bits)];
    return emit("Quant", operands, [], { signed: 1n, narrow: 1n, rounding_mode: "ROUND" }, "more").value;
  }
}

export function ones(count: number): number[] {
  return new Array<number>(count).fill(1);
}

/** A tensor that is there, of a shape that a layer cannot use. */
export function unfit(
  { where }: Step,
  what: string,
  name: string,
  dims: readonly number[],
  expected: string,
): CheckpointError {
  return new CheckpointError(
    `${where}: its ${what} "${shown(name)}" has shape [${dims.join(", ")}], expected ${expected}`,
  );
}

function floatWeights(
  { name: node, op }: Weighted,
  name: string,
  { dims }: StoredTensor,
  instead: string,
): Unsupported {
  return { node, op, shape: `[${dims.join(", ")}]`, why: `its weights "${shown(name)}" are float`, instead };
}

/** Codes of weights are whole numbers of 8 bits. */
function checkCodes(data: Float64Array, name: string, { where }: Step): void {
  const bad = data.findIndex((w) => !(Number.isInteger(w) && w >= -128 && w <= 127));
  if (bad < 0) return;
  const found = `element ${bad} of its weight "${shown(name)}" is ${data[bad]}`;
  throw new CheckpointError(`${where}: ${found}, expected a code, a whole number from -128 to 127`);
}

/** A constant that holds these very numbers: f32 where it can, else f64. */
function exactTensor(name: string, dims: number[], data: ArrayLike<number>): Draft<TensorProto> {
  let isSingle = true;
  for (let i = 0; isSingle && i < data.length; i++) isSingle = Math.fround(data[i]!) === data[i];
  if (isSingle) return floatTensor(name, dims, data);
  const raw = new DataView(new ArrayBuffer(data.length * 8));
  for (let i = 0; i < data.length; i++) raw.setFloat64(i * 8, data[i]!, true);
  return { name, dims, data_type: DATA_TYPE.DOUBLE, raw_data: new Uint8Array(raw.buffer) };
}
