import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { writeGguf } from "../checkpoint/gguf_file.ts";
import { pynqFiles, randomLayers } from "../checkpoint/pynq_folder.ts";
import { f32, writeSafetensors } from "../checkpoint/safetensors_file.ts";
import { DIGITS, digitsBlob, scratch, smallCheckpoint, ternHere } from "./tern.ts";

const { folder, path, put } = scratch();

describe("tern convert", () => {
  it("writes a blob and says what it found and made", async () => {
    const out = path("digits.tern");
    const { code, stdout, stderr } = await ternHere("convert", DIGITS, "-o", out);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(new Uint8Array(readFileSync(out))).toEqual(await digitsBlob());
    for (const line of [
      `${DIGITS} → ${out}`,
      "input    pixels [1, 16, 16]: u8, x = e / 255 (read)",
      "dense1.weight, 64 × 256: latent, 2 bits → ternary, packed as field2",
      "  40.8 % zero, 32.4 % negative; × 0.2005 per tensor; 3 thresholds; 5,760 bytes",
      "work     21,120 multiply-accumulates a row",
    ]) {
      expect(stdout.split("\n")).toContain(line);
    }
    expect(stdout).toContain(`flash    ${readFileSync(out).length.toLocaleString("en")} bytes: head `);
  });

  it("prints JSON", async () => {
    const { code, stdout } = await ternHere("convert", DIGITS, "-o", path("json.tern"), "--json");
    expect(code).toBe(0);
    const { weights, blobBytes, macs, notes } = JSON.parse(stdout);
    expect(weights.map(({ dtype }: { dtype: string }) => dtype)).toEqual(["ternary", "ternary", "ternary"]);
    expect({ blobBytes, macs, notes }).toEqual({
      blobBytes: readFileSync(path("json.tern")).length,
      macs: 21120,
      notes: [],
    });
  });

  it("takes a folder of parameters, which verify takes again", async () => {
    const parameters = path("parameters");
    mkdirSync(parameters);
    const foldings = [
      { pe: 2, simd: 32 },
      { pe: 1, simd: 16 },
    ];
    for (const [name, bytes] of pynqFiles(randomLayers([64, 32, 3], 1), foldings)) {
      writeFileSync(join(parameters, name), bytes);
    }
    const out = path("pynq.tern");
    const { code, stdout, stderr } = await ternHere("convert", parameters, "-o", out);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("the sizes 64-32-3 are found");
    const verified = await ternHere("verify", out, parameters, "--limit", "5", "--engine", "v8", "--workers", "1");
    expect({ code: verified.code, stderr: verified.stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("takes a GGUF file that arch has drafted a network of", async () => {
    const data = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => (i % 3) - 1).buffer);
    const weights = put("net.gguf", writeGguf({ tensors: { "fc.weight": { dims: [3, 4], type: 0, data } } }));
    const arch = path("gguf.json");
    const drafted = await ternHere("arch", weights, "-o", arch);
    expect({ code: drafted.code, stderr: drafted.stderr }).toEqual({ code: 0, stderr: "" });
    expect(drafted.stdout).toContain('note: a model of the kind "unknown"');
    const { code, stderr } = await ternHere("convert", weights, "--arch", arch, "-o", path("gguf.tern"));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("takes weights and a network described by hand, which verify takes again", async () => {
    const out = path("arch.tern");
    const weights = put(
      "small.safetensors",
      writeSafetensors({ "fc.weight": f32([3, 4], [1, 0, -1, 1, 1, 0, -1, 1, 1, 0, -1, 1]) }),
    );
    const layers = [{ op: "dense", name: "fc", weights: "codes" }];
    const input = { shape: [4], quantizer: { bits: 4, signed: true, scale: 0.5 } };
    const arch = put("net.json", JSON.stringify({ input, layers }));
    const refused = await ternHere("convert", weights, "-o", out);
    expect(refused.stderr).toContain(
      "small.safetensors: checkpoint: found a safetensors file, which has weights and no graph",
    );
    expect(await ternHere("convert", weights, "--arch", arch, "-o", out)).toMatchObject({ code: 0, stderr: "" });
    const proof = await ternHere("verify", out, weights, "--arch", arch, "--limit", "8", "--engine", "v8", "--json");
    expect(JSON.parse(proof.stdout)).toMatchObject({ proven: true, otherArch: false });
    const other = put("other.json", JSON.stringify({ layers, input }));
    const warned = await ternHere("verify", out, weights, "--arch", other, "--limit", "8", "--engine", "v8");
    expect(warned).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("warning: the blob was made with another text of the arch"),
    });
    expect(
      await ternHere("convert", weights, "--arch", put("latin.json", Uint8Array.of(0x22, 0xff, 0x22)), "-o", out),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("latin.json: found no text in UTF-8"),
    });
    expect(await ternHere("convert", weights, "--arch", arch, "-o", arch)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--out is the arch itself"),
    });
  });

  it("drafts the network of a file of weights, and says what it guessed", async () => {
    const weights = put(
      "draft.safetensors",
      writeSafetensors({ "fc.weight": f32([3, 4], [1, 0, -1, 1, 1, 0, -1, 1, 1, 0, -1, 1]) }),
    );
    const draft = path("draft.json");
    const { code, stdout } = await ternHere("arch", weights, "-o", draft);
    expect(code).toBe(0);
    expect(stdout).toContain("guessed: weights of 8 bits: say what they were trained with");
    expect(await ternHere("convert", weights, "--arch", draft, "-o", path("draft.tern"))).toMatchObject({
      code: 0,
      stderr: "",
    });
    const { stderr } = await ternHere("arch", DIGITS, "-o", path("none.json"));
    expect(stderr).toContain(
      "digits.onnx: checkpoint: found an ONNX file with a graph, which needs no arch, expected a safetensors file, a NumPy array",
    );
  });

  describe("a network of floats", () => {
    const FLOATS = put(
      "floats.safetensors",
      writeSafetensors({ "fc.weight": f32([2, 3], [0.1, -0.37, 1.9, 0.77, 0.2, -1.3]) }),
    );
    const arch = put("floats.json", '{ "input": { "shape": [3] }, "layers": [{ "op": "dense", "name": "fc" }] }');
    const reals = put(
      "reals.npy",
      writeNpy({ shape: [4, 3], dtype: "f32", data: Float32Array.from({ length: 12 }, (_, i) => i / 12 - 0.5) }),
    );
    const bytes = put(
      "bytes.npy",
      writeNpy({ shape: [4, 3], dtype: "u8", data: Uint8Array.from({ length: 12 }, (_, i) => i * 21) }),
    );
    const out = path("floats.tern");
    const convert = (...words: string[]) => ternHere("convert", FLOATS, "--arch", arch, "-o", out, ...words);
    const inputOf = async () => (await ternHere("inspect", out)).stdout.match(/^input .*$/m)![0];

    it("becomes int8 by samples, takes what they are, and is proven without them", async () => {
      const { code, stdout, stderr } = await convert("--weights", "int8", "--calibrate", reals);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain("fc.weight, 2 × 3: floats, 8 bits → int8");
      expect(stdout).toMatch(/note: of the int8 network: 4 of 4 samples keep their greatest output, /);
      expect(await inputOf()).toContain("f32, real numbers");
      expect(await ternHere("verify", out, FLOATS, "--arch", arch)).toMatchObject({ code: 0, stderr: "" });

      const unit = ["--input-scale", "1/255", "--mean", "0.5"];
      expect(await convert("--weights", "int8", "--calibrate", bytes, "--percentile", "99.9", ...unit)).toMatchObject({
        code: 0,
      });
      expect(await inputOf()).toContain("u8, x = e / 255 − 0.5");
      expect(await ternHere("verify", out, FLOATS, "--arch", arch)).toMatchObject({ code: 0, stderr: "" });
    });

    it.each<[string[], number, string]>([
      [[], 1, 'its weights "fc.weight" are float. Instead: a quantizer for them in the arch'],
      [["--weights", "int8"], 2, "expected --weights int8 and --calibrate together"],
      [["--calibrate", reals], 2, "expected --weights int8 and --calibrate together"],
      [["--percentile", "99"], 2, "--percentile is of what --calibrate finds"],
      [
        ["--weights", "int8", "--calibrate", reals, "--percentile", "5"],
        2,
        '--percentile "5", expected a number above 50 and up to 100',
      ],
      [["--weights", "int4", "--calibrate", reals], 2, '--weights "int4", expected one of int8'],
      [
        ["--weights", "int8", "--calibrate", bytes],
        1,
        "bytes.npy: elements are u8, expected f32 (real numbers), or --input-scale",
      ],
      [["--weights", "int8", "--calibrate", path("none.npy")], 1, "none.npy"],
      [["--weights", "int8", "--calibrate", FLOATS], 1, "floats.safetensors: is a safetensors file, expected a .npy"],
    ])("with %j is refused", async (words, code, message) => {
      expect(await convert(...words)).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
    });

    it("is no place to write the samples over", async () => {
      const { code, stderr } = await ternHere(
        "convert",
        FLOATS,
        "--arch",
        arch,
        "-o",
        reals,
        "--weights",
        "int8",
        "--calibrate",
        reals,
      );
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("--out is the calibration itself") });
    });
  });

  it.each([[["--mean", "-0.1"]], [["--mean=-0.1"]], [["--mean", "-.1"]]])(
    "takes the negative number of %j",
    async (words) => {
      const out = path("negative.tern");
      const checkpoint = put("small.onnx", smallCheckpoint("scores"));
      expect(await ternHere("convert", checkpoint, ...words, "-o", out)).toMatchObject({ code: 0 });
      const { inputs } = JSON.parse((await ternHere("inspect", out, "--json")).stdout);
      expect(inputs[0].unit.mean).toEqual([-0.1]);
    },
  );

  it("hands all options on", async () => {
    const out = path("options.tern");
    const options = [
      "--name",
      "sea bird",
      "--model-version",
      "7",
      "--input",
      "i16",
      "--input-scale",
      "1/4",
      "--mean",
      "2",
      "--std",
      "0.5",
      "--max-rows",
      "3",
    ];
    expect(
      (
        await ternHere(
          "convert",
          put("small.onnx", smallCheckpoint("scores")),
          "-o",
          out,
          ...options,
          "--classes",
          "a, b,c",
        )
      ).code,
    ).toBe(0);
    const inspection = JSON.parse((await ternHere("inspect", out, "--json")).stdout);
    expect(inspection).toMatchObject({ name: "sea bird", modelVersion: 7, maxRows: 3 });
    expect(inspection.inputs[0].unit).toEqual({ multiply: [1], divide: [4], mean: [2], std: [0.5] });
    expect(inspection.inputs[0].basis).toBe("declared");
    expect(inspection.outputs[0].classes).toEqual(["a", "b", "c"]);
    expect((await ternHere("inspect", out)).stdout).toContain(
      "input    x [4]: i16, x = (e / 4 − 2) / 0.5 (declared)\noutput   sums [3]: scores from i32 sums; a, b, c\n",
    );
  });

  it("fits a model into RAM, as `fit` counts it, or says what it takes", async () => {
    const out = path("small.tern");
    const small = ["convert", DIGITS, "-o", out, "--for", "cortex-m4"];
    expect(await ternHere(...small, "--ram", "10000")).toMatchObject({ code: 0, stderr: "" });
    const { memory } = JSON.parse((await ternHere("fit", out, "--json")).stdout);
    expect(await ternHere(...small, "--ram", String(memory.bytes))).toMatchObject({ code: 0, stderr: "" });
    const { code, stderr } = await ternHere(...small, "--ram", String(memory.bytes - 1));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`expected at least ${memory.bytes}`) });
    expect(await ternHere(...small, "--ram", "0")).toMatchObject({ code: 2 });
  });

  it("replaces an existing file", async () => {
    const out = put("old.tern", "old");
    expect((await ternHere("convert", DIGITS, "-o", out)).code).toBe(0);
    expect(readFileSync(out).length).toBeGreaterThan(1000);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it.each([
    [
      "a node it does not know",
      smallCheckpoint("sigmoid"),
      [],
      /1 node cannot be converted:\n {2}Sigmoid ".*Instead: /,
    ],
    ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47), [], /found a PNG image, expected ONNX/],
    ["an empty file", new Uint8Array(0), [], /found an empty file/],
    ["noise", Uint8Array.from({ length: 99 }, (_, i) => i * 37), [], /^tern: /],
    ["a truncated file", smallCheckpoint("scores").subarray(0, 100), [], /^tern: /],
    ["too few class names", smallCheckpoint("scores"), ["--classes", "a,b"], /found 2 class names, expected 3/],
    [
      "too many class names of an argmax",
      smallCheckpoint("index"),
      ["--classes", "a,b,c,d"],
      /found 4 class names, expected 3/,
    ],
  ])("refuses %s and leaves the old output as it was", async (_, checkpoint, options, message) => {
    const out = put("kept.tern", "old");
    const { code, stdout, stderr } = await ternHere("convert", put("bad.onnx", checkpoint), "-o", out, ...options);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(readFileSync(out, "utf8")).toBe("old");
  });

  it.each([
    ["a folder that is not there", "nowhere/out.tern", "no such file or folder"],
    ["a folder", ".", "is a directory"],
  ])("cannot write into %s", async (_, name, message) => {
    const { code, stdout, stderr } = await ternHere("convert", DIGITS, "-o", path(name));
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it.runIf(existsSync("/dev/full"))("says that a disk is full", async () => {
    expect(await ternHere("convert", DIGITS, "-o", "/dev/full")).toMatchObject({
      code: 1,
      stderr: "tern: /dev/full: cannot be written: no space left on the disk\n",
    });
  });
});
