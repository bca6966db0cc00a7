import { BlobError } from "../errors.ts";
import type { Quantizer } from "../numbers/quantizer.ts";
import { ROUNDINGS } from "../numbers/round.ts";
import { STEP_KINDS, type Step } from "../numbers/step.ts";
import { type Unit, unitProblem } from "../numbers/unit.ts";
import type {
  Description,
  InputDescription,
  OpDescription,
  OutputDescription,
  Program,
  TensorDescription,
} from "../program.ts";

/**
 * The description part: JSON in UTF-8, without spaces, names in alphabetical order. A number is the shortest text that reads back as
 * the same float64, as JSON.stringify writes it; an infinite one is "Infinity" or "-Infinity".
 */
export function encodeDescription(description: Description): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(description, canonical));
}

function canonical(_: string, value: unknown): unknown {
  if (value instanceof Float64Array) return Array.from(value);
  if (value === Infinity || value === -Infinity) return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads and checks a description of `program`, which lies at byte `offset` of the blob. */
export function decodeDescription(bytes: Uint8Array, offset: number, program: Program): Description {
  const fail: Fail = (path, expected) => {
    throw new BlobError(offset, `description, ${path}: expected ${expected}`);
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return fail("text", "JSON in UTF-8");
  }
  const channels = (tensor: number) => program.tensors[tensor]!.channels;
  const root = new Reader(json, "description", fail);
  return {
    name: root.get("name").text(),
    source: root.get("source").with((source) => ({
      format: source.get("format").text(),
      file: source.get("file").text(),
      bytes: source.get("bytes").count(),
      sha256: source.get("sha256").text(),
    })),
    converter: root.get("converter").with((converter) => ({
      version: converter.get("version").text(),
      choices: converter.get("choices").choices(),
    })),
    inputs: root
      .get("inputs")
      .list(program.inputs.length, (input, i) => readInput(input, channels(program.inputs[i]!), program)),
    outputs: root
      .get("outputs")
      .list(program.outputs.length, (output, i) => readOutput(output, channels(program.outputs[i]!))),
    ops: root.get("ops").list(program.ops.length, readOp),
    tensors: root.get("tensors").list(program.tensors.length, (tensor, i) => readTensor(tensor, channels(i))),
  };
}

function readInput(input: Reader, channels: number, program: Program): InputDescription {
  const wide = input.get("wide");
  return {
    name: input.get("name").text(),
    shape: input.get("shape").shape(channels),
    unit: readUnit(input.get("unit"), input.get("shape").shape(channels)[0] ?? 1),
    basis: input.get("basis").oneOf(["declared", "read", "assumed"]),
    ...(wide.value !== undefined && { wide: wide.list(undefined, (each) => readWide(each, channels)) }),
    steps: input.get("steps").list(undefined, (step) => readStep(step, channels)),
    quantizer: readQuantizer(input.get("quantizer"), channels),
    codes: input.get("codes").codes(program, channels),
  };
}

function readWide(wide: Reader, channels: number) {
  return {
    steps: wide.get("steps").list(undefined, (step) => readStep(step, channels)),
    quantizer: readQuantizer(wide.get("quantizer"), channels),
    scale: wide.get("scale").numbers(channels),
  };
}

/** `axis` is the size of the input's first axis. */
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

function readOutput(output: Reader, channels: number): OutputDescription {
  const classes = output.get("classes");
  return {
    name: output.get("name").text(),
    shape: output.get("shape").shape(channels),
    kind: output.get("kind").oneOf(["scores", "codes", "index"]),
    offset: output.get("offset").numbers(channels),
    scale: output.get("scale").numbers(channels),
    steps: output.get("steps").list(undefined, (step) => readStep(step, channels)),
    softmax: output.get("softmax").flag(),
    ...(classes.value !== undefined && { classes: classes.list(undefined, (name) => name.text()) }),
  };
}

function readOp(op: Reader): OpDescription {
  const weights = op.get("weights");
  return { node: op.get("node").text(), ...(weights.value !== undefined && { weights: weights.text() }) };
}

function readTensor(tensor: Reader, channels: number): TensorDescription | null {
  if (tensor.value === null) return null;
  return { value: tensor.get("value").text(), offset: tensor.get("offset").numbers(channels) };
}

function readStep(step: Reader, channels: number): Step {
  const kind = step.get("kind").oneOf(STEP_KINDS);
  const vector = (name: string) => Float64Array.from(step.get(name).numbers(channels));
  if (kind === "relu") return { kind };
  if (kind !== "batchnorm") return { kind, by: vector("by") };
  return {
    kind,
    mean: vector("mean"),
    variance: vector("variance"),
    epsilon: step.get("epsilon").number(),
    gamma: vector("gamma"),
    beta: vector("beta"),
  };
}

function readQuantizer(quantizer: Reader, channels: number): Quantizer {
  const scale = Float64Array.from(quantizer.get("scale").numbers(channels));
  if (quantizer.get("kind").oneOf(["int", "bipolar"]) === "bipolar") return { kind: "bipolar", scale };
  return {
    kind: "int",
    scale,
    zero: Float64Array.from(quantizer.get("zero").numbers(channels)),
    bits: quantizer.get("bits").count(),
    signed: quantizer.get("signed").flag(),
    narrow: quantizer.get("narrow").flag(),
    rounding: quantizer.get("rounding").oneOf(ROUNDINGS),
    ...(quantizer.get("roundsFirst").value !== undefined && { roundsFirst: quantizer.get("roundsFirst").flag() }),
  };
}

type Fail = (path: string, expected: string) => never;

/** A value of untrusted JSON and where it stands. */
class Reader {
  readonly value: unknown;
  readonly #path: string;
  readonly #fail: Fail;

  constructor(value: unknown, path: string, fail: Fail) {
    this.value = value;
    this.#path = path;
    this.#fail = fail;
  }

  /** A property of an object; undefined where it has none. */
  get(name: string): Reader {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value))
      return this.#fail(this.#path, "an object");
    const value = Object.hasOwn(this.value, name) ? (this.value as Record<string, unknown>)[name] : undefined;
    return new Reader(value, `${this.#path}.${name}`, this.#fail);
  }

  refuse(expected: string): never {
    return this.#fail(this.#path, expected);
  }

  with<T>(read: (reader: Reader) => T): T {
    return read(this);
  }

  list<T>(length: number | undefined, read: (reader: Reader, index: number) => T): T[] {
    if (!Array.isArray(this.value) || (length !== undefined && this.value.length !== length)) {
      return this.#fail(this.#path, length === undefined ? "a list" : `a list of ${length}`);
    }
    return this.value.map((value, i) => read(new Reader(value, `${this.#path}[${i}]`, this.#fail), i));
  }

  text(): string {
    return typeof this.value === "string" ? this.value : this.#fail(this.#path, "text");
  }

  flag(): boolean {
    return typeof this.value === "boolean" ? this.value : this.#fail(this.#path, "true or false");
  }

  number(): number {
    if (this.value === "Infinity" || this.value === "-Infinity") return Number(this.value);
    return typeof this.value === "number" ? this.value : this.#fail(this.#path, "a number");
  }

  count(): number {
    const value = this.number();
    return Number.isSafeInteger(value) && value >= 0 ? value : this.#fail(this.#path, "a count");
  }

  oneOf<T extends string>(names: readonly T[]): T {
    const name = names.find((each) => each === this.value);
    return name ?? this.#fail(this.#path, `one of ${names.join(", ")}`);
  }

  /** One number, or one per channel. */
  numbers(channels: number): number[] {
    const numbers = this.list(undefined, (reader) => reader.number());
    return numbers.length === 1 || numbers.length === channels
      ? numbers
      : this.#fail(this.#path, `1 or ${channels} numbers`);
  }

  /** Dimensions whose product is the number of channels. */
  shape(channels: number): number[] {
    const shape = this.list(undefined, (reader) => reader.count());
    return shape.reduce((a, b) => a * b, 1) === channels
      ? shape
      : this.#fail(this.#path, `a shape of ${channels} elements`);
  }

  /** Index of a tensor that holds codes of so many channels. */
  codes(program: Program, channels: number): number {
    const tensor = program.tensors[this.count()];
    const fits = tensor?.channels === channels && ["bit", "u8", "i8"].includes(tensor.dtype);
    return fits ? this.count() : this.#fail(this.#path, `a tensor with ${channels} codes`);
  }

  choices(): Record<string, string | number | boolean> {
    if (typeof this.value !== "object" || this.value === null) return this.#fail(this.#path, "an object");
    for (const name of Object.keys(this.value)) {
      if (!["string", "number", "boolean"].includes(typeof this.get(name).value))
        this.#fail(this.#path, "plain values");
    }
    return { ...this.value } as Record<string, string | number | boolean>;
  }
}
