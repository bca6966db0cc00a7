import { describe, expect, it } from "vitest";
import { BlobError, InputError } from "../../host/base/errors.ts";
import { decodeDescription, encodeDescription } from "../../host/blob/description.ts";
import { PART_KIND } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Graph } from "../../host/graph/graph.ts";
import { lower } from "../../host/lower/lower.ts";
import type { Description, OutputDescription } from "../../host/program.ts";
import { inputCodes, scores } from "../../host/run/describe.ts";
import { OPTIONS } from "../lower/agree.ts";

/** x (f32) · 0.5 → 4-bit codes → sums of two channels · 0.25 + 1 → softmax; and the sums' argmax. */
const GRAPH: Graph = {
  name: "net",
  inputs: [{ name: "x", shape: [3] }],
  nodes: [
    {
      op: "step",
      name: "half",
      inputs: ["x"],
      output: "h",
      channels: 3,
      step: { kind: "mul", by: Float64Array.of(0.5) },
    },
    {
      op: "quantize",
      name: "quant",
      inputs: ["h"],
      output: "q",
      channels: 3,
      quantizer: {
        ...{ kind: "int", scale: Float64Array.of(0.25), zero: Float64Array.of(0), bits: 4 },
        ...{ signed: true, narrow: false, rounding: "ROUND" },
      },
    },
    {
      op: "dense",
      name: "layer",
      inputs: ["q"],
      output: "s",
      channels: 2,
      weights: {
        ...{ name: "w", outputs: 2, inputs: 3, codes: Int32Array.of(1, 0, -1, 1, 1, 0) },
        ...{ scale: Float64Array.of(1), found: "latent" },
      },
    },
    {
      op: "step",
      name: "plus",
      inputs: ["s"],
      output: "y",
      channels: 2,
      step: { kind: "add", by: Float64Array.of(1) },
    },
    { op: "softmax", name: "soft", inputs: ["y"], output: "p", channels: 2 },
    { op: "argmax", name: "arg", inputs: ["s"], output: "i", channels: 1 },
  ],
  outputs: ["p", "i"],
};
const { program } = lower(GRAPH, { ...OPTIONS, classes: ["no", "yes"] });
const RIGHT = JSON.parse(new TextDecoder().decode(encodeDescription(program.description)));

/** Why the reader refuses a blob with this text as its description; undefined where it does not. */
function refusal(text: string | Uint8Array): string | undefined {
  const { description: _, ...bare } = program;
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  try {
    readBlob(writeBlob(bare, [{ kind: PART_KIND.description, flags: 0, bytes }]));
    return undefined;
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
    return error.message;
  }
}

/** The description with another value at a path; undefined: without it. */
function changed(path: string, value: unknown): string {
  const copy = structuredClone(RIGHT);
  const names = path.split(".");
  const last = names.pop()!;
  const target = names.reduce((at, name) => at[name], copy);
  if (value === undefined) delete target[last];
  else target[last] = value;
  return JSON.stringify(copy);
}

it("is what it should be, to begin with", () => {
  expect(refusal(JSON.stringify(RIGHT))).toBeUndefined();
  expect(RIGHT.inputs[0].codes).toBe(1);
});

describe("a field is refused that", () => {
  const step = (kind: string, by: unknown) => [{ by, kind }];
  const rounding = { bits: 8, kind: "int", narrow: false, rounding: "ROUND", scale: [0.1], signed: true, zero: [0] };
  const norm = { beta: [0], epsilon: 0, gamma: [1], kind: "batchnorm", mean: [0], variance: [1] };
  it.each<[string, string, unknown, string]>([
    ["is no text", "name", 7, "description.name: expected text"],
    ["is too long a text", "name", "x".repeat(2 ** 16 + 1), "at most 65536 characters"],
    ["is missing", "source", undefined, "description.source: expected an object"],
    ["is null", "converter", null, "description.converter: expected an object"],
    ["is no count", "source.bytes", 0.5, "source.bytes: expected a count"],
    ["is no hash", "source.sha256", "0".repeat(63), "64 hexadecimal digits"],
    ["is no plain choice", "converter.choices", { a: [] }, "choices.a: expected text"],
    ["has an odd name", "converter.choices", JSON.parse('{"__proto__":true}'), "64 letters and digits"],
    ["has too many choices", "converter.choices", Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, 1])), "at most 64 choices"], // biome-ignore format: a row
    ["lists too few inputs", "inputs", [], "a list of 1"],
    ["lists too many ops", "ops", [...RIGHT.ops, RIGHT.ops[0]], "a list of 3"],
    ["lists too few tensors", "tensors", [], "a list of 4"],
    ["is null for what an op makes", "tensors.1", null, "description.tensors[1]: expected an object"],
    ["has a shape of other size", "inputs.0.shape", [2], "a shape of 3 elements"],
    ["has a negative size", "inputs.0.shape", [-1, -3], "a count"],
    ["has too many axes", "inputs.0.shape", [3, ...new Array(64).fill(1)], "a list of at most 64"],
    ["divides by nothing", "inputs.0.unit.divide.0", 0, "numbers that give every element one in f32"],
    ["divides by infinity", "inputs.0.unit.divide.0", "Infinity", "finite numbers"],
    ["has too many steps", "inputs.0.steps", new Array(2 ** 14 + 1).fill({ kind: "relu" }), "a list of at most 16384"],
    ["has an unknown step", "inputs.0.steps", step("exp", [1]), "one of add"],
    ["adds infinity", "inputs.0.steps", step("add", ["Infinity"]), "finite numbers"],
    ["divides by 0", "outputs.0.steps", step("div", [0]), "finite numbers other than 0"],
    ["has constants for other channels", "outputs.0.steps", step("mul", [1, 2, 3]), "1 or 2 numbers"],
    ["has no variance", "outputs.0.steps", [{ ...norm, variance: [0] }], "above 0"],
    ["has negative variance", "outputs.0.steps", [{ ...norm, variance: [-1] }], "above 0"],
    ["quantizes by 0", "inputs.0.quantizer.scale", [0], "finite numbers other than 0"],
    ["quantizes by infinity", "inputs.0.quantizer.scale", ["-Infinity"], "finite numbers other than 0"],
    ["has half a zero point", "inputs.0.quantizer.zero", [0.5], "integers"],
    ["has no bits", "inputs.0.quantizer.bits", 0, "1 to 32"],
    ["has too many bits", "inputs.0.quantizer.bits", 33, "1 to 32"],
    ["has codes that the tensor cannot hold", "inputs.0.quantizer.bits", 9, "codes of i8, found -256 to 255"],
    ["has another kind of quantizer", "inputs.0.quantizer.kind", "float", "one of int, bipolar"],
    ["has another rounding", "inputs.0.quantizer.rounding", "NEAREST", "one of ROUND"],
    ["names no tensor", "inputs.0.codes", 4, "a tensor with 3 codes"],
    ["names a negative one", "inputs.0.codes", -1, "a count"],
    ["names one of real numbers", "inputs.0.codes", 0, "a tensor with 3 codes"],
    ["names one of sums", "inputs.0.codes", 2, "a tensor with 3 codes"],
    ["scales scores by infinity", "outputs.0.scale", ["Infinity"], "scale[0]: expected finite numbers"],
    ["scales them by null", "outputs.0.scale", [null], "finite numbers"],
    ["moves them by text", "outputs.0.offset", ["1"], "finite numbers"],
    ["takes scores for codes", "outputs.0.kind", "codes", "outputs[0].kind: expected scores"],
    ["takes an index for scores", "outputs.1.kind", "scores", "outputs[1].kind: expected index"],
    ["has too few classes", "outputs.0.classes", ["no"], "a list of 2"],
    ["has classes that are no text", "outputs.1.classes", ["no", 1], "classes[1]: expected text"],
    ["is no flag", "outputs.0.softmax", 1, "true or false"],
    ["rounds to no codes", "outputs.0.quantizer", { ...rounding, bits: 0 }, "1 to 32"],
    ["rounds an index", "outputs.1.quantizer", rounding, "none without a softmax"],
    ["is weights of no layer", "ops.0.weights", "w", "not canonical"],
    ["no reader knows", "surplus", 1, "not canonical"],
  ])("%s", (_, path, value, why) => {
    expect(refusal(changed(path, value))).toContain(why);
  });
});

describe("text is refused that", () => {
  const right = JSON.stringify(RIGHT);
  it.each<[string, () => string | Uint8Array, string]>([
    ["is no JSON", () => "{", "JSON in UTF-8"],
    ["is no UTF-8", () => Uint8Array.of(0x22, 0xff, 0x22), "JSON in UTF-8"],
    ["is a list", () => "[]", "expected an object"],
    ["is null", () => "null", "expected an object"],
    ["has a key twice", () => right.replace('"name":"net"', '"name":"net","name":"net"'), "not canonical"],
    ["would change all objects", () => right.replace("{", '{"__proto__":{"polluted":true},'), "not canonical"],
    ["is a million lists deep", () => "[".repeat(2 ** 20) + "]".repeat(2 ** 20), "expected an object"],
    [
      "is a million objects deep",
      () => '{"a":'.repeat(2 ** 20) + 1 + "}".repeat(2 ** 20),
      "description.name: expected text",
    ],
    ["has a list of a million", () => changed("outputs.0.scale", new Array(2 ** 20).fill(1)), "1 or 2 numbers"],
    ["has a million steps", () => changed("inputs.0.steps", new Array(2 ** 20).fill(0)), "at most 16384"],
    ["has a number of a million digits", () => changed("inputs.0.unit.divide.0", "@").replace('"@"', "1".repeat(2 ** 20)), "finite numbers"], // biome-ignore format: a row
    ["is above 16 MiB", () => `"${"x".repeat(2 ** 24)}"`, "at most 16777216"],
  ])("%s", (_, text, why) => {
    expect(refusal(text())).toContain(why);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });
});

describe("codes of an input", () => {
  const bytes = encodeDescription(program.description);
  const [quantize, ...rest] = program.ops;
  it.each([
    ["that two ops read", { ops: [quantize!, { ...quantize!, output: 3 }, ...rest] }],
    ["that is an output as well", { outputs: [0, 3] }],
    ["that something else makes", { ops: [{ ...quantize!, inputs: [2] }, ...rest] }],
  ])("are not written in place of an input %s", (_, change) => {
    const other = { ...program, ...change };
    const read = () => decodeDescription(bytes, 0, other);
    expect(read).toThrow(BlobError);
  });
});

describe("scores are never NaN:", () => {
  const output = RIGHT.outputs[0] as OutputDescription;
  const by = (x: number) => Float64Array.of(x);
  const sums = Int32Array.of(-4, 9, 2 ** 31 - 1, -(2 ** 31));
  it.each<[string, Partial<OutputDescription>, string]>([
    ["infinity times 0", { scale: [1e308], steps: [{ kind: "mul", by: by(1e308) }, { kind: "mul", by: by(0) }] }, "row 0, element 0"], // biome-ignore format: a row
    ["the root of a negative number", { softmax: false, steps: [{ kind: "pow", by: by(0.5) }] }, "row 0, element 0"],
    ["nothing by nothing", { scale: [0], softmax: false, steps: [{ kind: "rdiv", by: by(0) }] }, "row 0, element 0"],
    ["a softmax of infinity", { offset: [0, 2 ** 31], scale: [1e308] }, "row 0, element 0"],
  ])("%s is an InputError", (_, change, where) => {
    const made = () => scores({ ...output, ...change }, { dtype: "i32", height: 1, width: 1, channels: 2 }, sums);
    expect(made).toThrow(InputError);
    expect(made).toThrow(where);
  });

  it("nor are codes", () => {
    const description: Description = structuredClone(program.description);
    description.inputs[0]!.steps = [{ kind: "pow", by: by(0.5) }];
    const codes = () =>
      inputCodes(description, 0, { height: 1, width: 1, channels: 3 }, Float32Array.of(1, 4, 9, 1, -4, 9));
    expect(codes).toThrow(new InputError('input "x": its steps give no number for row 1, element 1'));
  });
});
