import { describe, expect, it } from "vitest";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS, TFC } from "../data.ts";
import { digitsBlob, IMAGES, LABELS, scratch, smallBlob, TEN, tern } from "./tern.ts";

const { path, put } = scratch();
const model = put("digits.tern", await digitsBlob());

function labels(...data: number[]): string {
  return put("labels.npy", writeNpy({ shape: [data.length], dtype: "i32", data: Int32Array.from(data) }));
}

describe("tern eval", () => {
  it("counts right answers and mistakes", () => {
    const { code, stdout, stderr } = tern("eval", model, "--images", IMAGES, "--labels", LABELS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^100\.00 % right: 1,000 of 1,000, in \d+\.\d\d s, [\d,]+ samples a second\n/);
    expect(stdout).toContain("\n        9    ·    ·    ·    ·    ·    ·    ·    ·    ·  100\n");
  });

  it("prints JSON, for the first samples only", () => {
    const wrong = labels(0, 1, 2, 3, 4, 5, 6, 9, 8, 7); // 7 and 9 changed places
    const all = JSON.parse(tern("eval", model, "--images", TEN, "--labels", wrong, "--json").stdout);
    expect(all).toMatchObject({ samples: 10, right: 8, accuracy: 0.8 });
    expect([all.confusion[9][7], all.confusion[7][9], all.confusion[7][7]]).toEqual([1, 1, 0]);
    const some = JSON.parse(tern("eval", model, "--images", TEN, "--labels", wrong, "--json", "--limit", "8").stdout);
    expect(some).toMatchObject({ samples: 8, right: 7 });
  });

  it("takes the index of an argmax as the answer, and names of classes", async () => {
    const index = put("index.tern", await smallBlob("index", { classes: ["crow", "gull", "tern"] }));
    const images = put(
      "x.npy",
      writeNpy({ shape: [2, 4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0, 0, -1, 0, 0) }),
    );
    const { stdout } = tern("eval", index, "--images", images, "--labels", labels(1, 1));
    expect(stdout).toMatch(/^50\.00 % right: 1 of 2/);
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
  ])("refuses %s", (_, file, message) => {
    const { code, stdout, stderr } = tern("eval", model, "--images", TEN, "--labels", file());
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

describeWith([TFC, MNIST_IMAGES, MNIST_LABELS], "a published checkpoint", () => {
  it("is right on 92.96 % of the official MNIST test, and proven on its first 500", () => {
    const tfc = path("tfc.tern");
    expect(tern("convert", TFC, "-o", tfc).code).toBe(0);
    const { stdout } = tern("eval", tfc, "--images", MNIST_IMAGES, "--labels", MNIST_LABELS);
    expect(stdout).toMatch(/^92\.96 % right: 9,296 of 10,000/);
    const { code } = tern("verify", tfc, TFC, "--inputs", MNIST_IMAGES, "--limit", "500");
    expect(code).toBe(0);
  });
});
