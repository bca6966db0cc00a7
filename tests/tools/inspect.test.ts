import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DIGITS, digitsBlob, scratch, ternHere } from "./tern.ts";

const { put } = scratch();
const blob = await digitsBlob();
const model = put("digits.tern", blob);
const sha256 = createHash("sha256").update(readFileSync(DIGITS)).digest("hex");

describe("tern inspect", () => {
  it("shows model, layers and memory on 80 columns", async () => {
    const { code, stdout, stderr } = await ternHere("inspect", model);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const line of [
      `sha256   ${sha256}`,
      "source   digits.onnx, 89,091 bytes",
      "dense1  ternary  256 × u8 → 64 × u8  16,384  3 thresholds  5,760",
      "dense1.weight  field2        2.00  4,096",
      "work     21,120 multiply-accumulates a row",
    ]) {
      expect(stdout.split("\n")).toContain(line);
    }
    expect(stdout).toMatch(/^model {4}digits, version 1, id [0-9a-f]{16}\n/);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("prints JSON, with sums that add up", async () => {
    const { code, stdout } = await ternHere("inspect", model, "--json");
    expect(code).toBe(0);
    const { layers, macs, memory, blobBytes, headBytes, arena, source } = JSON.parse(stdout);
    expect(blobBytes).toBe(blob.length);
    expect(headBytes).toBeLessThan(2048);
    expect(source.sha256).toBe(sha256);
    expect(layers.reduce((sum: number, layer: { macs: number }) => sum + layer.macs, 0)).toBe(macs);
    expect(memory.map(({ rows }: { rows: number }) => rows)).toEqual([1, 64]);
    for (const { rows, resident, streaming } of memory) {
      expect(resident.ram).toBeGreaterThanOrEqual(arena.fixed + arena.perRow * rows);
      expect(streaming.ram).toBeGreaterThan(resident.ram + headBytes);
    }
  });
});
