import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { selfTest } from "../../host/run/self_test.ts";
import { loadReference } from "../../host/run/session.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";
import {
  DIGITS,
  digitsBlob,
  forgedDigits,
  IMAGES,
  scratch,
  smallBlob,
  smallCheckpoint,
  startTern,
  ternHere,
  ternWith,
} from "./tern.ts";

const { folder, put } = scratch();
const model = put("digits.tern", await digitsBlob());

describe("tern verify", () => {
  it("proves a blob in every engine that is here, on seeded samples", async () => {
    const { code, stdout, stderr } = await ternHere("verify", model, DIGITS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^256 samples, 37,888 numbers compared in each of (5|7|11|13) sessions:\n/m);
    for (const name of ["reference", "v8 scalar resident", "v8 simd streaming"])
      expect(stdout).toMatch(new RegExp(`^  ${name} +equal +self-test: 2 of 2 right$`, "m"));
    expect(stdout).toMatch(/\nThe blob computes what the checkpoint computes\.\n$/);
  });

  it("takes samples from a file, and prints JSON", async () => {
    const { code, stdout } = await ternHere("verify", model, DIGITS, "--inputs", IMAGES, "--limit", "70", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      proven: true,
      samples: 70,
      compared: 70 * 148,
      differences: [],
      sameSource: true,
    });
  });

  describe("beside another tool's outputs", () => {
    const scores = async (change: (data: Float32Array) => unknown, shape = [10, 10]) => {
      const out = join(folder, "scores.npy");
      await ternHere("run", model, IMAGES, "-o", out);
      const { data } = readInput(readFileSync(out), out) as { data: Float32Array };
      const elements = data.slice(
        0,
        shape.reduce((a, b) => a * b, 1),
      );
      change(elements);
      return put("expected.npy", writeNpy({ shape, dtype: "f32", data: elements }));
    };
    const verified = (...options: string[]) =>
      ternHere("verify", model, DIGITS, "--inputs", IMAGES, "--limit", "10", "--engine", "v8", ...options);

    it("which are near enough", async () => {
      const expected = await scores((data) => {
        data[13]! += 5e-5;
      });
      const { code, stdout } = await verified("--expected", expected);
      expect(stdout).toMatch(/expected.npy: 100 numbers, all within 0.0001 · \(1 \+ \|expected\|\)$/m);
      expect(stdout).toMatch(/^ {2}greatest difference 0.0000\d+: sample 1, channel 3: found \S+, expected \S+$/m);
      expect(stdout).toMatch(/^ {2}the greatest score is the same in 10 of 10 samples$/m);
      expect(code).toBe(0);
    });

    it("which are too far, or near enough for another tolerance", async () => {
      const expected = await scores((data) => data.subarray(20, 30).reverse());
      const { code, stdout } = await verified("--expected", expected);
      expect(stdout).toMatch(/expected.npy: 100 numbers, (8|10) beyond 0.0001/m);
      expect(stdout).toMatch(/the same in 9 of 10 samples\n(.*\n)*NOT PROVEN/);
      expect(code).toBe(1);
      const near = await scores((data) => {
        data[0]! += 0.01;
      });
      expect(await verified("--expected", near)).toMatchObject({ code: 1 });
      expect(await verified("--expected", near, "--tolerance", "0.02")).toMatchObject({ code: 0 });
    });

    it.each<[string, (data: Float32Array) => unknown, number[], string[], string]>([
      ["of other samples", () => {}, [9, 10], [], "outputs of shape [9, 10], expected 10 scores of each of 10 samples"],
      [
        "that are no numbers",
        (data) => data.fill(Number.NaN, 7, 8),
        [10, 10],
        [],
        "element [0, 7] is NaN, expected a finite number",
      ],
      [
        "with a tolerance that is none",
        () => {},
        [10, 10],
        ["--tolerance", "x"],
        '--tolerance "x": expected a number from 0',
      ],
    ])("is refused: some %s", async (_, change, shape, options, why) => {
      const { code, stderr } = await verified("--expected", await scores(change, shape), ...options);
      expect(stderr).toContain(why);
      expect(code).not.toBe(0);
    });

    it("is refused without their inputs, and a tolerance without them", async () => {
      const alone = await ternHere("verify", model, DIGITS, "--expected", IMAGES);
      expect(alone.stderr).toContain("--expected: found no --inputs");
      expect((await verified("--tolerance", "0.1")).stderr).toContain("--tolerance: found no --expected");
    });
  });

  it.each(["scores", "codes", "index"] as const)("proves a small model whose output is %s", async (end) => {
    const checkpoint = put("small.onnx", smallCheckpoint(end));
    const { code, stdout } = await ternHere("verify", put("small.tern", await smallBlob(end)), checkpoint);
    expect(stdout).toContain("The blob computes");
    expect(code).toBe(0);
  });

  it("finds one changed weight, in every session, and says where", async () => {
    const { code, stdout } = await ternHere(
      "verify",
      put("forged.tern", await forgedDigits()),
      DIGITS,
      "--inputs",
      IMAGES,
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}v8 simd streaming +differs +self-test: [012] of 2 right$/m);
    const differences = stdout.match(/: codes "[^"]+", sample \d+, channel 5: found \d, expected \d$/gm)!;
    expect(new Set(differences).size).toBe(1);
    expect(stdout).toMatch(/\nNOT PROVEN\.\n$/);
    const json = JSON.parse(
      (await ternHere("verify", put("forged.tern", await forgedDigits()), DIGITS, "--inputs", IMAGES, "--json")).stdout,
    );
    expect(json.proven).toBe(false);
    expect(json.differences[0]).toMatchObject({ what: "codes", channel: 5 });
  });

  it("finds a forged argmax", async () => {
    const program = readBlob(await smallBlob("index"));
    const argmax = program.ops.at(-1)!;
    if (argmax.kind !== "argmax") throw new Error("no argmax");
    argmax.post = { kind: "scores", multiplier: Int32Array.of(1, 1, -1), offset: BigInt64Array.of(0n, 0n, 0n) };
    const blob = put("forged_index.tern", writeBlob(program));
    const { code, stdout } = await ternHere("verify", blob, put("index.onnx", smallCheckpoint("index")));
    expect(stdout).toMatch(/^reference: index "y", sample \d+, channel 0: found [012], expected [012]$/m);
    expect(code).toBe(1);
  });

  it("needs the names that a description gives", async () => {
    const { description: _, ...program } = readBlob(await smallBlob("scores"));
    const { code, stderr } = await ternHere(
      "verify",
      put("bare.tern", writeBlob(program)),
      put("s.onnx", smallCheckpoint("scores")),
    );
    expect(stderr).toBe("tern: the blob has no description, so its tensors cannot be named\n");
    expect(code).toBe(1);
  });

  it("warns of a checkpoint that the blob was not made from", async () => {
    const bytes = Uint8Array.from([...readFileSync(DIGITS), 0x7a, 0x00]); // an empty field that ONNX does not have
    const { code, stdout } = await ternHere("verify", model, put("other.onnx", bytes));
    expect(stdout.replaceAll(/\n +/g, " ")).toMatch(
      /\nwarning: the blob was made of digits\.onnx \(sha256 8bc0336997…8caab\), this is \S+other\.onnx \(sha256 [0-9a-f]{10}…[0-9a-f]{5}\)\n/,
    );
    expect(code).toBe(0);
  });

  it("goes on without wasmtime, unless everything is required", () => {
    const without = ternWith({ TERN_WASMTIME: "nowhere" }, "verify", model, DIGITS);
    expect(without.stdout).toContain("  missing: wasmtime: no libwasmtime at nowhere");
    expect(without.stdout).toMatch(/compared in each of [57] sessions/);
    expect(without.code).toBe(0);
    expect(ternWith({ TERN_WASMTIME: "nowhere", TERN_REQUIRE_ALL: "1" }, "verify", model, DIGITS).code).toBe(1);
  });

  it("refuses the checkpoint of another network", async () => {
    const { code, stderr } = await ternHere("verify", model, put("small.onnx", smallCheckpoint("scores")));
    expect(stderr).toMatch(
      /^tern: [^\n]*; the blob was made of digits\.onnx \(sha256 [^\n]*\), this is \S+small\.onnx \(sha256 [^\n]*\)\n$/,
    );
    expect(code).toBe(1);
  });

  it("says what the blob was made of where a network of the same shape differs", async () => {
    const blob = put("index_of_small.tern", await smallBlob("index"));
    const bytes = smallCheckpoint("index");
    const at = bytes.findIndex(
      (_, i) => new DataView(bytes.buffer, bytes.byteOffset + i, 16).getFloat32(8, true) === -1,
    );
    bytes.set([0, 0, 0, 0], at); // the first weight is 0 instead of 1
    const { code, stdout } = await ternHere("verify", blob, put("changed.onnx", bytes), "--limit", "64");
    expect(stdout).toContain("\nwarning: the blob was made of small.onnx (sha256 ");
    expect(stdout).toMatch(/\nNOT PROVEN\.\n$/);
    expect(code).toBe(1);
  });

  it.skipIf(process.platform === "win32")("ends at Ctrl-C and leaves nothing behind", async () => {
    const before = readdirSync(folder);
    const child = startTern("verify", model, DIGITS, "--limit", "65536");
    await setTimeout(1000);
    child.kill("SIGINT");
    const [code, signal] = await once(child, "exit");
    expect({ code, signal }).toEqual({ code: null, signal: "SIGINT" });
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe("selfTest", () => {
  it.each(["scores", "codes", "index"] as const)("passes on what the converter wrote: %s", async (end) => {
    for (const input of [{ dtype: "i16" as const }, { dtype: "f32" as const }, { dtype: "u8" as const, divide: 16 }]) {
      const session = loadReference(await smallBlob(end, { input }));
      expect(selfTest(session)).toEqual({ pairs: 2, wrong: [] });
    }
  });

  it("finds a pair whose output is not what the blob computes", async () => {
    const program = readBlob(await digitsBlob());
    program.selfTest!.outputs[1]![0]! ^= 1;
    expect(selfTest(loadReference(writeBlob(program)))).toEqual({ pairs: 2, wrong: [1] });
  });
});
