import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { repack } from "../../host/blob/repack.ts";
import { TARGETS, type Target } from "../../host/blob/targets.ts";
import { formatCount } from "../../tools/terminal/table.ts";
import { DIGITS, digitsBlob, scratch, TEN, ternHere } from "./tern.ts";

const { path, put } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const packed = repack(blob, "storage");
const stored = put("stored.tern", packed);

describe("tern repack", () => {
  it.each(Object.keys(TARGETS))(
    "for %s writes what convert --for writes, and back what convert writes",
    async (target) => {
      const [out, back] = [path("out.tern"), path("back.tern")];
      expect(await ternHere("repack", model, "-o", out, "--for", target)).toMatchObject({ code: 0, stderr: "" });
      expect(new Uint8Array(readFileSync(out))).toEqual(repack(blob, target as Target));
      expect((await ternHere("convert", DIGITS, "-o", back, "--for", target)).code).toBe(0);
      expect(readFileSync(back)).toEqual(readFileSync(out));
      expect((await ternHere("repack", out, "-o", back, "--for", "any")).code).toBe(0);
      expect(new Uint8Array(readFileSync(back))).toEqual(blob);
    },
  );

  it("says what became of each tensor", async () => {
    const { stdout } = await ternHere("repack", model, "-o", path("out.tern"), "--for", "storage");
    for (const line of [
      `${model} → ${path("out.tern")}, for storage: ${formatCount(blob.length)} → ${formatCount(packed.length)} bytes`,
      "dense1.weight  field2 → trit5         5,760  4,896",
    ]) {
      expect(stdout.split("\n")).toContain(line);
    }
    const json = JSON.parse(
      (await ternHere("repack", stored, "-o", path("out.tern"), "--for", "any", "--json")).stdout,
    );
    expect(json).toMatchObject({ target: "any", bytesBefore: packed.length, blobBytes: blob.length });
    expect(json.weights[0]).toEqual({
      weights: "dense1.weight",
      from: "trit5",
      to: "field2",
      bytesBefore: 4896,
      bytes: 5760,
    });
  });

  it("refuses what is no blob, and leaves the old output as it was", async () => {
    const out = put("kept.tern", "old");
    const { code, stdout, stderr } = await ternHere("repack", DIGITS, "-o", out, "--for", "any");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tern: \S+digits\.onnx: is an ONNX file, expected a blob of Little Tern; convert it first/);
    expect(readFileSync(out, "utf8")).toBe("old");
  });
});

describe("a blob for storage", () => {
  it("is inspected, without the RAM of devices", async () => {
    const { code, stdout } = await ternHere("inspect", stored);
    expect(code).toBe(0);
    expect(stdout).toContain("dense1.weight  trit5         1.63  3,328\n");
    expect(stdout).toContain("`npx littletern repack --for any`");
    expect(JSON.parse((await ternHere("inspect", stored, "--json")).stdout).memory).toEqual([]);
  });

  it("is proven, and runs as the canonical one does", async () => {
    const { code, stdout } = await ternHere("verify", stored, DIGITS, "--limit", "16");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}v8 scalar resident +equal/m);
    expect(stdout).not.toContain("streaming");
    const rows = async (blob: string) => (await ternHere("run", blob, TEN)).stdout.replace(/, [\d.e+]+ ms\n$/, "");
    expect(await rows(stored)).toBe(await rows(model));
  });

  it("is repacked when it is loaded, and the profile says so", async () => {
    const { stdout } = await ternHere("run", stored, TEN, "--profile", "-o", path("out.npy"));
    expect(stdout).toMatch(/\nrepacked when loaded, in \d+\.\d{3} ms:\n {2}dense1 +trit5 → (field2|field2x16|pair4)\n/);
    const { repacked, repackMs } = JSON.parse((await ternHere("run", stored, TEN, "--profile", "--json")).stdout);
    expect(repacked.map(({ op, from }: { op: number; from: string }) => [op, from])).toEqual([
      [0, "trit5"],
      [1, "trit5"],
      [2, "trit5"],
    ]);
    expect(repackMs).toBeGreaterThan(0);
  });

  it("does not stream", async () => {
    expect(await ternHere("run", stored, TEN, "--weights", "streaming")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "tern: the module was not built for packing trit5; streamed weights are not repacked: `npx littletern repack --for any` does so\n",
    });
  });
});
