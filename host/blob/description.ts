import { refuse } from "../base/arguments.ts";
import { BlobError } from "../base/errors.ts";
import { MAX_NODES } from "../base/limits.ts";
import { FIXED_ROUNDINGS, isMultiplier, isShift, MAX_SHIFT, MIN_SHIFT } from "../numbers/fixed_point.ts";
import { type FixedSoftmax, fixedSoftmaxProblem } from "../numbers/fixed_softmax.ts";
import { at, codeRange, type Quantizer, quantize, zeroPoint } from "../numbers/quantizer.ts";
import { ROUNDINGS } from "../numbers/round.ts";
import { applySteps, STEP_KINDS, type Step } from "../numbers/step.ts";
import { ELEMENTS, realOf, type Unit, unitProblem } from "../numbers/unit.ts";
import {
  type Description,
  hasFloats,
  type InputDescription,
  isWeighted,
  LAYOUTS,
  type Op,
  type OpDescription,
  type OutputDescription,
  type Program,
  type Tensor,
  type TensorDescription,
} from "../program.ts";
import { elementCount, isSameShape, positionCount } from "../shape.ts";

/** JSON takes up to some thirty times its bytes when it is parsed: arrays in arrays do. Numbers for each of 2^18 channels fit. */
const MAX_BYTES = 2 ** 24;
/** Of a name, in UTF-16 units. Those of nodes and weights in real networks take some hundred. */
const MAX_TEXT = 2 ** 16;
/** Of a shape; NumPy allows as many. */
const MAX_AXES = 64;
/** Functions of one number behind an input, or before an output; each is applied to every element. Real networks have some ten; a checkpoint, all of its nodes. */
const MAX_STEPS = MAX_NODES;
/** That a function counts: one for each code of a quantizer. */
const MAX_BOUNDS = 2 ** 16;
/** Choices of the converter. */
const MAX_CHOICES = 64;

/**
 * The description part: JSON in UTF-8, without spaces, names in alphabetical order. A number is the shortest text that reads back as
 * the same float64, as JSON.stringify writes it; an infinite one is "Infinity" or "-Infinity".
 */
export function encodeDescription(description: Description): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(description, canonical));
}

function canonical(name: string, value: unknown): unknown {
  if (typeof value === "bigint") refuse(`description.${name}`, value, "what JSON holds");
  if (value instanceof Float64Array) return Array.from(value);
  if (value === Infinity || value === -Infinity) return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Reads a description of `program`, which lies at byte `offset` of the blob, and checks every field: its type, its range, and that it fits
 * the program. Throws BlobError.
 */
export function decodeDescription(bytes: Uint8Array, offset: number, program: Program): Description {
  const fail: Fail = (path, expected) => {
    throw new BlobError(offset, `description, ${path}: expected ${expected}`);
  };
  if (bytes.length > MAX_BYTES) return fail(`${bytes.length} bytes`, `at most ${MAX_BYTES}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return fail("text", "JSON in UTF-8");
  }
  const { tensors, ops, inputs, outputs } = program;
  const makers = new Map(ops.map((op) => [op.output, op]));
  const isInput = new Set(inputs);
  const root = new Reader(json, "description", fail);
  const description: Description = {
    name: root.get("name").text(),
    source: root.get("source").with((source) => ({
      format: source.get("format").text(),
      file: source.get("file").text(),
      bytes: source.get("bytes").count(),
      sha256: source.get("sha256").sha256(),
    })),
    converter: root.get("converter").with((converter) => ({
      version: converter.get("version").text(),
      choices: converter.get("choices").choices(),
    })),
    inputs: root.get("inputs").list(inputs.length, (input, i) => readInput(input, tensors[inputs[i]!]!)),
    outputs: root.get("outputs").list(outputs.length, (output, i) => {
      return readOutput(output, tensors[outputs[i]!]!, makers.get(outputs[i]!), program);
    }),
    ops: root.get("ops").list(ops.length, (op, i) => readOp(op, ops[i]!)),
    tensors: root.get("tensors").list(tensors.length, (tensor, i) => {
      const { channels, dtype } = tensors[i]!;
      return readTensor(tensor, channels, isInput.has(i) || dtype === "scaled8");
    }),
  };
  description.inputs.forEach((input, i) => {
    const problem = codesProblem(program, description, makers, inputs[i]!, input);
    if (problem) fail(`description.inputs[${i}].codes`, problem);
  });
  return description;
}

/** Throws BlobError where the description of a program is none that a reader takes. */
export function checkDescription(program: Program): void {
  if (program.description) decodeDescription(encodeDescription(program.description), 0, program);
}

function readInput(input: Reader, tensor: Tensor): InputDescription {
  const { height, width, channels } = tensor;
  const wide = input.get("wide");
  const shape = input.get("shape").shape(elementCount(tensor));
  const layout = input.get("layout");
  const quantizer = input.get("quantizer");
  const isBare = tensor.dtype === "f32" && quantizer.value === undefined; // it begins a float region
  if (layout.value !== undefined || positionCount(tensor) > 1) {
    const expected = { chw: [channels, height, width], hwc: [height, width, channels] }[layout.oneOf(LAYOUTS)];
    if (`${squeezed(shape)}` !== `${squeezed(expected)}`) input.get("shape").refuse(`[${expected.join(", ")}]`);
  }
  return {
    name: input.get("name").text(),
    shape,
    ...(layout.value !== undefined && { layout: layout.oneOf(LAYOUTS) }),
    unit: readUnit(input.get("unit"), layout.value === undefined ? (shape[0] ?? 1) : channels),
    basis: input.get("basis").oneOf(["declared", "read", "assumed"]),
    ...(wide.value !== undefined && { wide: wide.list({ most: MAX_STEPS }, (each) => readWide(each, channels)) }),
    steps: isBare ? input.get("steps").list(0, () => ({ kind: "relu" })) : readSteps(input.get("steps"), channels),
    ...(!isBare && { quantizer: readQuantizer(quantizer, channels) }),
    codes: input.get("codes").count(),
  };
}

function readWide(wide: Reader, channels: number) {
  return {
    steps: readSteps(wide.get("steps"), channels),
    quantizer: readQuantizer(wide.get("quantizer"), channels),
    scale: wide.get("scale").numbers(channels),
  };
}

/** Sizes other than 1. */
function squeezed(shape: readonly number[]): number[] {
  return shape.filter((size) => size !== 1);
}

/** `axis` is the size of the axis that has numbers of its own. */
function readUnit(unit: Reader, axis: number): Unit {
  const vector = (name: keyof Unit) => unit.get(name).numbers(axis);
  const read: Unit = {
    multiply: vector("multiply"),
    divide: vector("divide"),
    mean: vector("mean"),
    std: vector("std"),
  };
  return unitProblem(read) === undefined ? read : unit.refuse("numbers that give every element one in f32");
}

/**
 * What is expected of the tensor of an input's codes, if it is not so: that a host can write the codes of every real number there instead of
 * the elements of `tensor`. It is that very tensor, or what the only op that reads the input makes of it.
 */
function codesProblem(
  { tensors, ops, outputs }: Program,
  description: Description,
  makers: Map<number, Op>,
  tensor: number,
  { unit, wide, steps, codes, quantizer }: InputDescription,
): string | undefined {
  const to = tensors[codes];
  const from = tensors[tensor]!;
  if (!quantizer) return codes === tensor ? undefined : `tensor ${tensor}, which is f32`;
  if (!to || !isSameShape(from, to) || !(to.dtype in CODES)) {
    return `a tensor with ${elementCount(from)} codes`;
  }
  const described = description.tensors[codes];
  if (!described) return "a tensor that is described";
  if (codes !== tensor) {
    const op = makers.get(codes);
    const readers = ops.filter(({ inputs }) => inputs.includes(tensor)).length;
    const isMade = op?.kind === "quantize" && op.inputs[0] === tensor && readers === 1 && !outputs.includes(tensor);
    if (!isMade) return `tensor ${tensor}, or what its only reader makes of it`;
  }
  const [least, greatest] = CODES[to.dtype as keyof typeof CODES];
  const all = codeRange(quantizer);
  const ends = ELEMENTS[tensors[tensor]!.dtype];
  const real = realOf(unit, to.channels);
  for (let c = 0; c < to.channels; c++) {
    // of more codes than a byte holds, elements reach some
    const isWide = all.max - all.min > 255 && wide === undefined && ends;
    const reached = isWide ? ends.map((e) => quantize(quantizer, applySteps(steps, real(e, c), c), c)) : [];
    const [min, max] = isWide ? [Math.min(...reached), Math.max(...reached)] : [all.min, all.max];
    const shift = zeroPoint(quantizer, c) + at(described.offset, c);
    const fits = min - shift >= least && max - shift <= greatest && Number.isInteger(shift);
    if (!fits || (to.dtype === "bit" && (quantizer.kind !== "bipolar" || shift !== 0))) {
      return `codes of ${to.dtype}, found ${min - shift} to ${max - shift} in channel ${c}`;
    }
  }
  return undefined;
}

/** Least and greatest code of a dtype. */
const CODES = { bit: [-1, 1], u8: [0, 255], i8: [-128, 127] } as const;

function readOutput(output: Reader, tensor: Tensor, maker: Op | undefined, program: Program): OutputDescription {
  const { dtype, channels } = tensor;
  const isIndex = maker?.kind === "argmax";
  const kind = isIndex ? "index" : dtype in CODES ? "codes" : "scores";
  const count = isIndex ? program.tensors[maker.inputs[0]!]!.channels : channels;
  const classes = output.get("classes");
  const softmax = readSoftmax(output.get("softmax"));
  const rounding = output.get("quantizer");
  return {
    name: output.get("name").text(),
    shape: output.get("shape").shape(elementCount(tensor)),
    kind: output.get("kind").oneOf([kind]),
    offset: output.get("offset").numbers(channels),
    scale: output.get("scale").numbers(channels),
    steps: readSteps(output.get("steps"), channels),
    softmax,
    ...(rounding.value !== undefined && {
      quantizer:
        softmax === true ? readQuantizer(rounding, channels) : rounding.refuse("none without a softmax in float64"),
    }),
    ...(classes.value !== undefined && {
      classes: classes.list(count === 1 && !isIndex ? 2 : count, (name) => name.text()),
    }),
  };
}

function readSoftmax(softmax: Reader): OutputDescription["softmax"] {
  if (typeof softmax.value !== "object") return softmax.flag();
  const of = (name: keyof FixedSoftmax) => softmax.get(name).number(Number.isInteger, "an integer");
  const fixed: FixedSoftmax = {
    multiplier: of("multiplier"),
    shift: of("shift"),
    leastDifference: of("leastDifference"),
  };
  const problem = fixedSoftmaxProblem(fixed);
  return problem ? softmax.refuse(problem) : fixed;
}

function readOp(op: Reader, described: Op): OpDescription {
  const weights = isWeighted(described) || hasFloats(described) ? op.get("weights") : undefined;
  return { node: op.get("node").text(), ...(weights?.value !== undefined && { weights: weights.text() }) };
}

/** Elements of an input may wait for their quantizer; all other tensors but codes with scales hold a value of the graph. */
function readTensor(tensor: Reader, channels: number, mayBeNone: boolean): TensorDescription | null {
  if (tensor.value === null && mayBeNone) return null;
  return { value: tensor.get("value").text(), offset: tensor.get("offset").numbers(channels) };
}

function readSteps(steps: Reader, channels: number): Step[] {
  return steps.list({ most: MAX_STEPS }, (step) => readStep(step, channels));
}

function readStep(step: Reader, channels: number): Step {
  const kind = step.get("kind").oneOf(STEP_KINDS);
  const vector = (name: string, isIn?: IsIn, expected?: string) =>
    Float64Array.from(step.get(name).numbers(channels, isIn, expected));
  switch (kind) {
    case "relu":
      return { kind };
    case "count":
      return { kind, bounds: readBounds(step.get("bounds"), channels) };
    case "min":
    case "max":
      return { kind, by: vector("by", () => true) }; // a bound may be infinite
    case "div":
      return { kind, by: vector("by", isFactor, "finite numbers other than 0") };
    case "batchnorm": {
      const epsilon = step.get("epsilon").number();
      const isVariance = (x: number) => Number.isFinite(x) && x + epsilon > 0;
      return {
        kind,
        mean: vector("mean"),
        variance: vector("variance", isVariance, "finite numbers above 0 once epsilon is added"),
        epsilon,
        gamma: vector("gamma"),
        beta: vector("beta"),
      };
    }
    case "rescale":
      return {
        kind,
        multiplier: vector("multiplier", isMultiplier, "integers from 0 to 2^31 − 1"),
        shift: vector("shift", isShift, `integers from ${MIN_SHIFT} to ${MAX_SHIFT}`),
        rounding: step.get("rounding").oneOf(FIXED_ROUNDINGS),
      };
    default:
      return { kind, by: vector("by") };
  }
}

/** Bounds that ascend in every channel. */
function readBounds(bounds: Reader, channels: number): Float64Array[] {
  let before: Float64Array | undefined;
  return bounds.list({ most: MAX_BOUNDS }, (each) => {
    const bound = Float64Array.from(each.numbers(channels));
    for (let c = 0; before && c < Math.max(bound.length, before.length); c++) {
      if (at(bound, c) < at(before, c)) each.refuse("bounds in ascending order");
    }
    before = bound;
    return bound;
  });
}

const isFactor = (x: number) => Number.isFinite(x) && x !== 0;

function readQuantizer(quantizer: Reader, channels: number): Quantizer {
  const scale = Float64Array.from(quantizer.get("scale").numbers(channels, isFactor, "finite numbers other than 0"));
  if (quantizer.get("kind").oneOf(["int", "bipolar"]) === "bipolar") return { kind: "bipolar", scale };
  return {
    kind: "int",
    scale,
    zero: Float64Array.from(quantizer.get("zero").numbers(channels, Number.isSafeInteger, "integers")),
    bits: quantizer.get("bits").number((x) => Number.isInteger(x) && x >= 1 && x <= 32, "1 to 32"),
    signed: quantizer.get("signed").flag(),
    narrow: quantizer.get("narrow").flag(),
    rounding: quantizer.get("rounding").oneOf(ROUNDINGS),
    ...(quantizer.get("roundsFirst").value !== undefined && { roundsFirst: quantizer.get("roundsFirst").flag() }),
    ...(quantizer.get("single").value !== undefined && { single: quantizer.get("single").flag() }),
  };
}

type Fail = (path: string, expected: string) => never;
type IsIn = (x: number) => boolean;

/** A value of untrusted JSON and where it stands. No method goes deeper than its own value, so depth is no danger. */
class Reader {
  readonly value: unknown;
  readonly #path: string;
  readonly #fail: Fail;

  constructor(value: unknown, path: string, fail: Fail) {
    this.value = value;
    this.#path = path;
    this.#fail = fail;
  }

  /** A property of an object; undefined where it has none of its own. */
  get(name: string): Reader {
    const value = Object.hasOwn(this.#object(), name) ? this.#object()[name] : undefined;
    return new Reader(value, `${this.#path}.${name}`, this.#fail);
  }

  refuse(expected: string): never {
    return this.#fail(this.#path, expected);
  }

  #object(): Record<string, unknown> {
    if (typeof this.value === "object" && this.value !== null && !Array.isArray(this.value)) {
      return this.value as Record<string, unknown>;
    }
    return this.#fail(this.#path, "an object");
  }

  with<T>(read: (reader: Reader) => T): T {
    return read(this);
  }

  /** The entries of a list of so many, or of at most so many. */
  list<T>(length: number | { most: number }, read: (reader: Reader, index: number) => T): T[] {
    const [least, most] = typeof length === "number" ? [length, length] : [0, length.most];
    if (!Array.isArray(this.value) || this.value.length < least || this.value.length > most) {
      return this.#fail(this.#path, least === most ? `a list of ${most}` : `a list of at most ${most}`);
    }
    return this.value.map((value, i) => read(new Reader(value, `${this.#path}[${i}]`, this.#fail), i));
  }

  text(): string {
    if (typeof this.value !== "string") return this.#fail(this.#path, "text");
    return this.value.length <= MAX_TEXT ? this.value : this.#fail(this.#path, `at most ${MAX_TEXT} characters`);
  }

  sha256(): string {
    return /^[0-9a-f]{64}$/.test(this.text()) ? this.text() : this.#fail(this.#path, "64 hexadecimal digits");
  }

  flag(): boolean {
    return typeof this.value === "boolean" ? this.value : this.#fail(this.#path, "true or false");
  }

  number(isIn: IsIn = Number.isFinite, expected = "a finite number"): number {
    const value = numberOf(this.value);
    return value !== undefined && isIn(value) ? value : this.#fail(this.#path, expected);
  }

  count(): number {
    return this.number((x) => Number.isSafeInteger(x) && x >= 0, "a count");
  }

  oneOf<T extends string>(names: readonly T[]): T {
    const name = names.find((each) => each === this.value);
    return name ?? this.#fail(this.#path, names.length === 1 ? names[0]! : `one of ${names.join(", ")}`);
  }

  /** One number, or one per channel. */
  numbers(channels: number, isIn: IsIn = Number.isFinite, expected = "finite numbers"): number[] {
    const list = this.value;
    if (!Array.isArray(list) || (list.length !== 1 && list.length !== channels)) {
      return this.#fail(this.#path, `1 or ${channels} numbers`);
    }
    return list.map((entry, i) => {
      const value = numberOf(entry);
      return value !== undefined && isIn(value) ? value : this.#fail(`${this.#path}[${i}]`, expected);
    });
  }

  /** Dimensions whose product is the number of elements. */
  shape(elements: number): number[] {
    const shape = this.list({ most: MAX_AXES }, (reader) => reader.count());
    return shape.reduce((a, b) => a * b, 1) === elements
      ? shape
      : this.#fail(this.#path, `a shape of ${elements} elements`);
  }

  /** Plain values by name. */
  choices(): Record<string, string | number | boolean> {
    const names = Object.keys(this.#object());
    if (names.length > MAX_CHOICES) return this.#fail(this.#path, `at most ${MAX_CHOICES} choices`);
    return Object.fromEntries(names.map((name) => [name, this.#choice(name)]));
  }

  #choice(name: string): string | number | boolean {
    if (!/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name))
      return this.#fail(this.#path, "names of at most 64 letters and digits");
    const choice = this.get(name);
    if (typeof choice.value === "boolean") return choice.value;
    return typeof choice.value === "number" ? choice.number() : choice.text();
  }
}

/** A number as the description has it: infinite ones are text. */
function numberOf(value: unknown): number | undefined {
  if (value === "Infinity" || value === "-Infinity") return Number(value);
  return typeof value === "number" ? value : undefined;
}
