import { describe, expect, it } from "vitest";
import { floatTensor, node, model as onnxModel, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS, TFC } from "../data.ts";
import { digitsBlob, IMAGES, LABELS, scratch, smallBlob, TEN, ternHere } from "./tern.ts";

const { path, put } = scratch();
const model = put("digits.tern", await digitsBlob());

function labels(...data: number[]): string {
  return put("labels.npy", writeNpy({ shape: [data.length], dtype: "i32", data: Int32Array.from(data) }));
}

describe("tern eval", () => {
  it("counts right answers and mistakes", async () => {
    const { code, stdout, stderr } = await ternHere("eval", model, "--images", IMAGES, "--labels", LABELS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^images-idx3-ubyte.gz: pixels p, x = p \/ 255 \(read\)\n100\.00 % right: 1,000 of 1,000, in \d+\.\d\d s, [\d,]+ samples a second\n/,
    );
    expect(stdout).toContain("\n        9    ·    ·    ·    ·    ·    ·    ·    ·    ·  100\n");
  });

  it("prints JSON, for the first samples only", async () => {
    const wrong = labels(0, 1, 2, 3, 4, 5, 6, 9, 8, 7); // 7 and 9 changed places
    const all = JSON.parse((await ternHere("eval", model, "--images", TEN, "--labels", wrong, "--json")).stdout);
    expect(all).toMatchObject({ samples: 10, right: 8, accuracy: 0.8 });
    expect([all.confusion[9][7], all.confusion[7][9], all.confusion[7][7]]).toEqual([1, 1, 0]);
    const some = JSON.parse(
      (await ternHere("eval", model, "--images", TEN, "--labels", wrong, "--json", "--limit", "8")).stdout,
    );
    expect(some).toMatchObject({ samples: 8, right: 7 });
  });

  it("takes the index of an argmax as the answer, and names of classes", async () => {
    const index = put("index.tern", await smallBlob("index", { classes: ["crow", "gull", "tern"] }));
    const images = put(
      "x.npy",
      writeNpy({ shape: [2, 4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0, 0, -1, 0, 0) }),
    );
    const { stdout } = await ternHere("eval", index, "--images", images, "--labels", labels(1, 1));
    expect(stdout).toMatch(/^50\.00 % right: 1 of 2/m);
    expect(stdout).toContain(`
is \\ said  crow  gull  tern
     crow     ·     ·     ·
     gull     ·     1     1
     tern     ·     ·     ·
`);
  });

  it.each([
    ["too few labels", () => labels(0, 1, 2), "labels of shape [3], expected one for each of 10 samples"],
    [
      "a class that the model lacks",
      () => labels(0, 1, 2, 3, 4, 5, 6, 7, 8, 10),
      "label 10 of sample 9, expected 0 to 9",
    ],
    ["a negative class", () => labels(-1, 1, 2, 3, 4, 5, 6, 7, 8, 9), "label -1 of sample 0, expected 0 to 9"],
    ["pictures as labels", () => TEN, "expected one for each of 10 samples"],
    ["no labels", () => path("none"), "no such file"],
  ])("refuses %s", async (_, file, message) => {
    const { code, stdout, stderr } = await ternHere("eval", model, "--images", TEN, "--labels", file());
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

describeWith([TFC, MNIST_IMAGES, MNIST_LABELS], "a published checkpoint", () => {
  it("is right on 92.96 % of the official MNIST test, and proven on its first 500", async () => {
    const tfc = path("tfc.tern");
    expect((await ternHere("convert", TFC, "-o", tfc)).code).toBe(0);
    const { stdout } = await ternHere("eval", tfc, "--images", MNIST_IMAGES, "--labels", MNIST_LABELS);
    expect(stdout).toMatch(/^92\.96 % right: 9,296 of 10,000/m);
    const { code } = await ternHere("verify", tfc, TFC, "--inputs", MNIST_IMAGES, "--limit", "500");
    expect(code).toBe(0);
  });
});

/** x (N, 4) → 4-bit codes → ternary 4-1 → what `end` says: one sum, or the sign of one. */
function oneOutput(end: "sum" | "sign" | "unsigned"): Uint8Array {
  const domain = "qonnx.custom_op.general";
  const quant = (x: string, y: string, signed: bigint) =>
    node("Quant", [x, "half", "zero", "four"], y, { signed, narrow: 0n, rounding_mode: "ROUND" }, domain);
  const ends = {
    sum: [],
    sign: [node("BipolarQuant", ["sum", "half"], "y", {}, domain)],
    unsigned: [quant("sum", "y", 0n)],
  };
  const graph = {
    name: "one",
    node: [quant("x", "q", 1n), node("MatMul", ["q", "w"], "sum"), ...ends[end]],
    initializer: [
      ...[floatTensor("half", [], [0.5]), floatTensor("zero", [], [0]), floatTensor("four", [], [4])],
      floatTensor("w", [4, 1], [1, -1, 0, 1]),
    ],
    input: [valueInfo("x", ["N", 4])],
    output: [valueInfo(end === "sum" ? "sum" : "y", [])],
  };
  return encodeModel(onnxModel(graph, { "": 13, [domain]: 1 }, { name: "tests", version: "1" }));
}

/** Sums of 3, −1, 0 and −0.5. */
const SIGNS = Float32Array.of(1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 3, 0, -1, 0, 0, 0.5);

describe("tern eval of one output", () => {
  const images = put("signs.npy", writeNpy({ shape: [4, 4], dtype: "f32", data: SIGNS }));
  const evaluated = async (end: "sum" | "sign", ...classes: string[]) => {
    const { blob } = await convert(oneOutput(end), classes.length > 0 ? { classes } : {});
    return await ternHere("eval", put(`${end}.tern`, blob), "--images", images, "--labels", labels(1, 0, 1, 1));
  };

  it.each(["sum", "sign"] as const)("takes the sign of a %s as the class, 0 as 1, and says so", async (end) => {
    const { code, stdout, stderr } = await evaluated(end);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^75\.00 % right: 3 of 4/m);
    expect(stdout).toContain(`\nclass 1 where output "${end === "sum" ? "sum" : "y"}" is at least 0, else class 0\n`);
    expect(stdout).toContain("is \\ said  0  1\n        0  1  ·\n        1  1  2\n");
  });

  it("takes two names of classes", async () => {
    expect((await evaluated("sum", "benign", "attack")).stdout).toMatch(/is \\ said +benign +attack\n/);
    await expect(convert(oneOutput("sum"), { classes: ["benign"] })).rejects.toThrow("found 1 class names, expected 2");
  });

  it("refuses one score that is never negative", async () => {
    const unsigned = put("unsigned.tern", (await convert(oneOutput("unsigned"))).blob);
    const { code, stderr } = await ternHere("eval", unsigned, "--images", images, "--labels", labels(1, 0, 1, 1));
    expect(stderr).toContain('output "y" is one score, at least 0: its sign tells no class');
    expect(code).toBe(1);
  });
});

describe("tern eval of several outputs", () => {
  const images = put(
    "two.npy",
    writeNpy({ shape: [2, 4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0, 0, -1, 0, 0) }),
  );
  const run = async (...args: string[]) => {
    const both = put("both.tern", await smallBlob("both"));
    return await ternHere("eval", both, "--images", images, "--labels", labels(1, 1), ...args);
  };

  it("asks which", async () => {
    const { code, stderr } = await run();
    expect(stderr).toBe("tern: the model has 2 outputs: --output says which has the classes, sums, y, or 0 to 1\n");
    expect(code).toBe(2);
  });

  it.each(["sums", "y", "0", "1"])("takes --output %s", async (output) => {
    const { samples, output: taken } = JSON.parse((await run("--output", output, "--json")).stdout);
    expect({ samples, taken }).toEqual({ samples: 2, taken: { 0: "sums", 1: "y" }[output] ?? output });
  });

  it.each(["z", "2", "-1", "1.5"])("refuses --output=%s", async (output) => {
    const { code, stderr } = await run(`--output=${output}`);
    expect(stderr).toBe(`tern: --output "${output}", expected sums, y, or 0 to 1\n`);
    expect(code).toBe(2);
  });
});
