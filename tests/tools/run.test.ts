import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { convert } from "../../host/convert.ts";
import { loadReference } from "../../host/run/session.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { ENGINES } from "../engines.ts";
import { idat, ihdr, png } from "../inputs/png.ts";
import { digitsBlob, IMAGES, scratch, smallBlob, smallCheckpoint, TEN, ternHere } from "./tern.ts";

const { path, put } = scratch();
const model = put("digits.tern", await digitsBlob());
const ten = readInput(readFileSync(TEN), TEN);

/** What the reference computes for the ten drawn digits. */
const expected = loadReference(await digitsBlob()).run(ten.data as Uint8Array)[0]!.scores;

function readScores(name: string) {
  return readInput(readFileSync(path(name)), name);
}

describe("tern run", () => {
  const ways = ["v8", "wasmtime", "reference"].flatMap((engine) =>
    ["resident", "streaming"].map((way) => [engine, way]),
  );
  for (const [engine = "", way = ""] of ways) {
    const missing =
      engine === "wasmtime" && typeof ENGINES.wasmtime!.engine === "string" ? ENGINES.wasmtime!.engine : "";
    if (missing && process.env.TERN_REQUIRE_ALL !== "1") {
      console.warn(`SKIPPED tern run --engine ${engine}: ${missing}`);
      it.skip(`writes the reference's scores: ${engine}, ${way} (${missing})`, () => {});
      continue;
    }
    it(`writes the reference's scores: ${engine}, ${way}`, async () => {
      const { code, stdout, stderr } = await ternHere(
        "run",
        model,
        TEN,
        "-o",
        path("out.npy"),
        "--engine",
        engine,
        "--weights",
        way,
      );
      const said = `zero-to-nine.npy: u8 elements e, x = e / 255 (read)\n`;
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: said, stderr: "" });
      expect(readScores("out.npy")).toEqual({ kind: "npy", shape: [10, 10], dtype: "f32", data: expected });
    });
  }

  it("draws every row and its scores", async () => {
    const { code, stdout } = await ternHere("run", model, TEN);
    expect(code).toBe(0);
    for (const [row, block] of stdout
      .split(/^row \d\n/m)
      .slice(1)
      .entries()) {
      expect(block).toMatch(new RegExp(`^.{16}.* ${row} +\\d+\\.\\d{3}  #{40} <$`, "m")); // beside the picture
      expect(block.split("\n\n")[0]!.split("\n")).toHaveLength(10);
    }
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/\n10 rows in v8, [\d.e+]+ ms\n$/);
  });

  it("shows ten rows of many, or all", async () => {
    const some = (await ternHere("run", model, IMAGES)).stdout;
    expect(some.match(/^row \d+$/gm)).toHaveLength(10);
    expect(some).toMatch(/\n990 more rows: --all shows them\n1,000 rows in v8, .* m?s\n$/);
    expect((await ternHere("run", model, IMAGES, "--all")).stdout.match(/^row \d+$/gm)).toHaveLength(1000);
  });

  it("shows where the time goes", async () => {
    const { code, stdout } = await ternHere("run", model, TEN, "--profile", "-o", path("profiled.npy"));
    expect(code).toBe(0);
    const [head, ...lines] = stdout.split("\n").slice(1, 6); // what follows says what was repacked, and written
    expect(head).toMatch(/^op, 10 rows +ms +share +MACs +MACs per second$/);
    expect(lines[0]).toMatch(/^dense1 +dense +\d+\.\d{3} +\d+\.\d % +163,840 +[\d,]+ M\/s$/);
    expect(lines[3]).toMatch(/^all +\d+\.\d{3} +100\.0 % +211,200/);
  });

  it("prints JSON", async () => {
    const { code, stdout } = await ternHere("run", model, TEN, "--json", "--profile");
    expect(code).toBe(0);
    const { engine, rows, outputs, profile } = JSON.parse(stdout);
    expect({ engine, rows, name: outputs[0].name, shape: outputs[0].shape }).toEqual({
      engine: "v8",
      rows: 10,
      name: "scores",
      shape: [10],
    });
    expect(Float32Array.from(outputs[0].scores)).toEqual(expected);
    expect(profile).toHaveLength(3);
  });

  it("reads one sample without a batch axis, and PNG pictures in grey and in colour", async () => {
    const pixels = ten.data.subarray(3 * 256, 4 * 256) as Uint8Array;
    const rows = (samples: number) =>
      Array.from({ length: 16 }, (_, y) => [
        0,
        ...Array.from(pixels.subarray(16 * y, 16 * y + 16)).flatMap((x) => Array<number>(samples).fill(x)),
      ]);
    const files = [
      put("three.npy", writeNpy({ shape: [16, 16], dtype: "u8", data: pixels })),
      put("grey.png", png(["IHDR", ihdr(16, 16, 8, 0)], ["IDAT", idat(...rows(1))], ["IEND", []])),
      put("colour.png", png(["IHDR", ihdr(16, 16, 8, 2)], ["IDAT", idat(...rows(3))], ["IEND", []])),
      put(
        "real.npy",
        writeNpy({ shape: [1, 1, 16, 16], dtype: "f32", data: Float32Array.from(pixels, (x) => x / 255) }),
      ),
    ];
    for (const file of files) {
      expect((await ternHere("run", model, file, "-o", path("one.npy"))).code).toBe(0);
      expect(readScores("one.npy")).toMatchObject({ shape: [1, 10], data: expected.slice(30, 40) });
      expect((await ternHere("run", model, file)).stdout).toMatch(/^.{16}.* 3 +\d+\.\d{3} {2}#{40} <$/m);
    }
  });

  it("writes scores, and the reals that codes stand for, as f32, and indices as i32", async () => {
    const batch = put(
      "batch.npy",
      writeNpy({ shape: [2, 4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0, 0, -1, 0, 0) }),
    );
    // x / 0.5 · w, with columns (1, 1, −1, 1), (0, 1, 1, −1) and (−1, 0, 1, 1)
    const sums = [0, 5, 2, -1, -1, 0];
    const run = async (end: "scores" | "codes" | "index") => {
      expect(
        (await ternHere("run", put(`${end}.tern`, await smallBlob(end)), batch, "-o", path(`${end}.npy`))).code,
      ).toBe(0);
      return readScores(`${end}.npy`);
    };
    expect(await run("scores")).toMatchObject({ shape: [2, 3], dtype: "f32", data: Float32Array.from(sums) });
    expect(await run("codes")).toMatchObject({
      shape: [2, 3],
      dtype: "f32",
      data: Float32Array.of(0, 3.5, 2, -1, -1, 0),
    });
    expect(await run("index")).toMatchObject({ shape: [2], dtype: "i32", data: Int32Array.of(1, 2) });
    expect((await ternHere("run", path("index.tern"), batch)).stdout).toMatch(
      /^batch.npy: real numbers\nrow 0\nclass 1\n\nrow 1\nclass 2\n\n2 rows in v8, [\d.e+]+ ms\n$/,
    );
  });

  it("writes and shows several outputs", async () => {
    const both = put("both.tern", await smallBlob("both"));
    const sample = put("sample.npy", writeNpy({ shape: [4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0) }));
    expect((await ternHere("run", both, sample, "-o", path("both.npy"))).code).toBe(0);
    expect(readScores("both.0.npy")).toMatchObject({ shape: [1, 3], dtype: "f32", data: Float32Array.of(0, 5, 2) });
    expect(readScores("both.1.npy")).toMatchObject({ shape: [1, 3], dtype: "f32", data: Float32Array.of(0, 3.5, 2) });
    expect((await ternHere("run", both, sample)).stdout).toMatch(
      /^sample.npy: real numbers\nsums:\n0 .*\n1 .*<\n2 .*\ny:\n0 .*\n1 .*<\n2 .*\n\n1 row in v8, .* ms\n$/,
    );
  });

  it("runs a blob without description or self-test", async () => {
    const { description: _, selfTest: __, ...program } = readBlob(await digitsBlob());
    const bare = put("bare.tern", writeBlob(program));
    expect((await ternHere("run", bare, TEN, "-o", path("bare.npy"))).code).toBe(0);
    expect(readScores("bare.npy")).toMatchObject({ shape: [10, 10], dtype: "i32" });
    expect((await ternHere("run", bare, TEN)).code).toBe(0);
    expect((await ternHere("inspect", bare)).stdout).toMatch(/^model {4}without a description, version 1/);
  });

  it("reads i8 and i16 for models that take them, and u8 as the numbers that they are for models of real numbers", async () => {
    const blob = async (name: string, dtype: "i8" | "i16" | "f32", scale?: "1/1" | "1/100") =>
      put(name, (await convert(smallCheckpoint("scores"), { input: { dtype, ...(scale && { scale }) } })).blob);
    const scoresOf = async (blobPath: string, npy: Uint8Array) => {
      const { code, stderr } = await ternHere("run", blobPath, put("in.npy", npy), "-o", path("out.npy"));
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return Array.from(readScores("out.npy").data);
    };
    const i8 = writeNpy({ shape: [4], dtype: "i8", data: Int8Array.of(1, 2, 3, 0) });
    expect(await scoresOf(await blob("i8.tern", "i8", "1/1"), i8)).toEqual([0, 5, 2]);
    const i16 = writeNpy({ shape: [4], dtype: "i16", data: Int16Array.of(100, 200, 300, 0) });
    expect(await scoresOf(await blob("i16.tern", "i16", "1/100"), i16)).toEqual([0, 5, 2]);
    const u8 = writeNpy({ shape: [4], dtype: "u8", data: Uint8Array.of(1, 2, 3, 0) });
    expect(await scoresOf(await blob("f32.tern", "f32"), u8)).toEqual([0, 5, 2]);
  });

  const npy = (shape: number[], data: Float32Array) => writeNpy({ shape, dtype: "f32", data });
  it.each([
    [
      "NaN",
      npy([1, 16, 16], new Float32Array(256).fill(Number.NaN)),
      "element [0, 0, 0] is NaN, expected a finite number",
    ],
    [
      "a wrong shape",
      npy([10, 8, 8], new Float32Array(640)),
      "shape [10, 8, 8], expected [1, 16, 16] or [rows, 1, 16, 16]",
    ],
    ["no rows", npy([0, 16, 16], new Float32Array(0)), "shape [0, 16, 16], expected"],
    [
      "a wrong dtype",
      writeNpy({ shape: [16, 16], dtype: "i8", data: new Int8Array(256) }),
      "elements are i8, expected u8 (x = e / 255) or f32 (real numbers)",
    ],
    [
      "integers of 32 bits",
      writeNpy({ shape: [16, 16], dtype: "i32", data: new Int32Array(256) }),
      "elements are i32, expected u8",
    ],
    ["text", new TextEncoder().encode("hello"), "expected a .npy, idx or PNG file"],
    ["a truncated array", npy([16, 16], new Float32Array(256)).subarray(0, 500), "bytes of elements, expected 1024"],
    [
      "a picture of another size",
      png(["IHDR", ihdr(1, 1, 8, 0)], ["IDAT", idat([0, 9])], ["IEND", []]),
      "height 1 and width 1",
    ],
  ])("refuses %s", async (_, input, message) => {
    const { code, stdout, stderr } = await ternHere("run", model, put("bad", input), "-o", path("never.npy"));
    expect(stderr).toMatch(/^tern: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(() => readScores("never.npy")).toThrow("ENOENT");
  });

  it("refuses a blob with a flipped bit, wherever it is", async () => {
    const blob = await digitsBlob();
    for (const byte of [0, 20, 300, 4000, blob.length - 1]) {
      const broken = blob.slice();
      broken[byte]! ^= 4;
      const { code, stderr } = await ternHere("run", put("broken.tern", broken), TEN);
      expect(stderr).toMatch(/^tern: \S+broken\.tern: blob, byte \d+: /);
      expect(code).toBe(1);
    }
  });
});
