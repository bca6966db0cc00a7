import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, InputError, UnsupportedError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { type ConvertOptions, convert } from "../../host/convert.ts";
import { encodeRow } from "../../host/run/backend.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { loadReference } from "../../host/run/session.ts";
import { elementBytes } from "../../host/shape.ts";
import { verify } from "../../host/verify.ts";
import { bundle } from "../browser/bundle.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { randomOnnx } from "../random_graph.ts";
import { disposeAll, openSessions } from "../sessions.ts";

const blobOf = async (bytes: Uint8Array, options: ConvertOptions = {}) => (await convert(bytes, options)).blob;

describe("the same checkpoint gives the same blob", () => {
  const folder = mkdtempSync(join(tmpdir(), "tern-convert-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("whatever was converted before", async () => {
    const files = [DIGITS, ...Array.from({ length: 20 }, (_, seed) => randomOnnx(seed))];
    const forwards = await Promise.all(files.map((file) => blobOf(file)));
    const backwards = await Promise.all(files.toReversed().map((file) => blobOf(file)));
    expect(backwards.toReversed()).toEqual(forwards);
  });

  it("in other folders and processes", async () => {
    writeFileSync(join(folder, "littletern.mjs"), (await bundle()).code);
    const script = `
      import { readFileSync } from "node:fs";
      import { convert } from "../littletern.mjs";
      const file = process.cwd() + "/digits.onnx";
      const { blob } = await convert(readFileSync(file), { file });
      process.stdout.write(blob);`;
    const blobs = ["here", "there"].map((name) => {
      const cwd = join(folder, name);
      mkdirSync(cwd);
      writeFileSync(join(cwd, "digits.onnx"), DIGITS);
      writeFileSync(join(cwd, "convert.mjs"), script);
      return execFileSync(process.execPath, ["convert.mjs"], { cwd });
    });
    const here = await blobOf(DIGITS, { file: "digits.onnx" });
    for (const blob of blobs) expect(Buffer.compare(blob, here)).toBe(0);
  });

  it("whose bytes are canonical: read and written again, they are the same", async () => {
    for (const file of [DIGITS, ...Array.from({ length: 60 }, (_, seed) => randomOnnx(seed))]) {
      const { blob, program } = await convert(file);
      const read = readBlob(blob);
      expect(Buffer.compare(writeBlob(read), blob)).toBe(0);
      expect(read.description).toEqual(program.description);
    }
  });
});

describe("a conversion", () => {
  it("names its source and what was chosen", async () => {
    const { program } = await convert(DIGITS, { file: "/some/folder/digits.onnx", classes: [..."0123456789"] });
    expect(program.description).toMatchObject({
      name: "digits",
      source: {
        format: "onnx",
        file: "digits.onnx",
        bytes: DIGITS.length,
        sha256: "8bc0336997da5d9c3cbf1383c89c2c132cfe00b2a52ae35d142c6d773478caab", // sha256sum digits.onnx
      },
      converter: { choices: {} },
      outputs: [{ classes: [..."0123456789"] }],
    });
  });

  it("makes the model id from the name alone", async () => {
    const idOf = async (bytes: Uint8Array, options: ConvertOptions) => (await convert(bytes, options)).program.modelId;
    const id = await idOf(DIGITS, { file: "a/digits.onnx" });
    expect(await idOf(randomOnnx(1), { file: "digits.onnx", modelVersion: 7, maxRows: 2 })).toBe(id);
    expect(await idOf(DIGITS, { name: "digits" })).toBe(id);
    expect(await idOf(DIGITS, { file: "others.onnx" })).not.toBe(id);
  });

  it("stores pairs that every session repeats", async () => {
    for (const file of [DIGITS, ...Array.from({ length: 20 }, (_, seed) => randomOnnx(seed))]) {
      const { blob, program } = await convert(file, { input: { dtype: "u8" } });
      const { inputs, outputs } = program.selfTest!;
      const sessions = await openSessions(blob);
      for (const [name, session] of Object.entries(sessions)) {
        inputs.forEach((input, i) => {
          const results = session.run(input);
          const packed = program.outputs.map((tensor, o) => {
            const bytes = new Uint8Array(elementBytes(program.tensors[tensor]!));
            encodeRow(bytes, program.tensors[tensor]!, results[o]!.elements);
            return bytes;
          });
          expect(Buffer.concat(packed), name).toEqual(Buffer.from(outputs[i]!));
        });
      }
      disposeAll(sessions);
    }
  });

  it("says what became of every weight tensor", async () => {
    const { weights, program } = await convert(DIGITS);
    expect(weights.map(({ name, shape, dtype, packing }) => ({ name, shape, dtype, packing }))).toEqual([
      { name: "dense1.weight", shape: [64, 256], dtype: "ternary", packing: "field2" },
      { name: "dense2.weight", shape: [64, 64], dtype: "ternary", packing: "field2" },
      { name: "dense3.weight", shape: [10, 64], dtype: "ternary", packing: "field2" },
    ]);
    for (const [i, { zeros, negatives }] of weights.entries()) {
      const op = program.ops[i]!;
      const codes = op.kind === "dense" ? Array.from(op.weights) : [];
      expect(zeros).toBe(codes.filter((code) => code === 0).length / codes.length);
      expect(negatives).toBe(codes.filter((code) => code < 0).length / codes.length);
    }
  });
});

/** x · W with bare ternary weights, and no quantizer anywhere. */
const UNQUANTIZED = encodeModel(
  model(
    {
      name: "unquantized",
      node: [node("MatMul", ["x", "w"], "y")],
      initializer: [floatTensor("w", [3, 2], [1, -1, 0, 1, -1, 0])],
      input: [valueInfo("x", ["N", 3])],
      output: [valueInfo("y", ["N", 2])],
    },
    { "": 13 },
    { name: "tests", version: "1" },
  ),
);

describe("an input without a quantizer", () => {
  const inputQuantizer = "scale=0.25,zero=1,bits=4,signed";

  it("is refused, with the option that declares one", async () => {
    await expect(convert(UNQUANTIZED)).rejects.toThrow(UnsupportedError);
    await expect(convert(UNQUANTIZED)).rejects.toThrow("--input-quant scale=…,zero=…,bits=…,signed|unsigned");
  });

  it("gets the declared one", async () => {
    const { blob, program } = await convert(UNQUANTIZED, { inputQuantizer });
    expect(program.description!.converter.choices).toEqual({ inputQuantizer });
    const x = [0.8, -9, 0.375]; // codes round(x / 0.25 + 1), −8 … 7: 4, −8, 2 (a tie, to even); less the zero point 3, −9, 1
    const sessions = await openSessions(blob);
    for (const session of Object.values(sessions)) {
      expect(session.run(Float32Array.from(x))[0]!.scores).toEqual(Float32Array.of(0.25 * (3 - 1), 0.25 * (-3 - 9)));
    }
    disposeAll(sessions);
  });

  it.each(["", "scale=1", "scale=0,bits=4,signed", "scale=1,bits=17,signed", "scale=1,bits=4,signed,unsigned", "bits"])(
    "is not declared by %o",
    async (text) => {
      const wanted = text === "" ? UnsupportedError : InputError; // none is declared by an empty text
      await expect(convert(UNQUANTIZED, { inputQuantizer: text })).rejects.toThrow(wanted);
    },
  );
});

describe("argmax", () => {
  it("gives the index of the greatest score, not of the greatest sum, and verify knows", async () => {
    const { blob, program } = await convert(DIGITS, { argmax: true });
    expect(program.description!.converter.choices).toEqual({ argmax: true });
    const inputs = sampleInputs(program, 200);
    const { elements: sums, scores } = loadReference((await convert(DIGITS)).blob).run(inputs)[0]!;
    const greatest = (all: Int32Array | Float32Array) =>
      Array.from({ length: 200 }, (_, row) => {
        const own = all.subarray(10 * row, 10 * row + 10);
        return own.indexOf(Math.max(...own));
      });
    expect(greatest(scores)).not.toEqual(greatest(sums));

    const sessions = await openSessions(blob);
    for (const session of Object.values(sessions)) {
      expect([...session.run(inputs)[0]!.elements]).toEqual(greatest(scores));
    }
    const { sha256 } = program.description!.source;
    const verification = verify({ blob: program, checkpoint: DIGITS, sha256, sessions, inputs });
    expect(verification).toMatchObject({ samples: 200, differences: [] });
    disposeAll(sessions);
  });
});

describe("what cannot be converted", () => {
  it("is listed at once", async () => {
    const nodes = [node("Sin", ["x"], "a"), node("Cos", ["a"], "b"), node("MatMul", ["b", "w"], "y")];
    const file = encodeModel(
      model(
        {
          name: "odd",
          node: nodes,
          initializer: [floatTensor("w", [3, 1], [1, 1, 1])],
          input: [valueInfo("x", ["N", 3])],
          output: [valueInfo("y", [])],
        },
        { "": 13 },
        { name: "tests", version: "1" },
      ),
    );
    await expect(convert(file)).rejects.toMatchObject({ reasons: [{ op: "Sin" }, { op: "Cos" }] });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32])("is a limit of %d rows, or such a version", async (count) => {
    await expect(convert(DIGITS, { maxRows: count })).rejects.toThrow(InputError);
    await expect(convert(DIGITS, { modelVersion: count })).rejects.toThrow(InputError);
  });

  it("is a damaged file", async () => {
    await expect(convert(DIGITS.subarray(0, 5000))).rejects.toThrow(CheckpointError);
    await expect(convert(new Uint8Array(0))).rejects.toThrow(CheckpointError);
  });
});

it("the drawn digits are read as digits", async () => {
  const labels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const sessions = await openSessions(await blobOf(DIGITS));
  for (const session of Object.values(sessions)) {
    const { scores } = session.run(IMAGES)[0]!;
    const read = labels.map((row) => {
      const own = scores.subarray(10 * row, 10 * row + 10);
      return own.indexOf(Math.max(...own));
    });
    expect(read).toEqual(labels);
  }
  disposeAll(sessions);
});
