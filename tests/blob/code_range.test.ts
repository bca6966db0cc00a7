import { expect, it } from "vitest";
import { codeRanges } from "../../host/blob/code_range.ts";
import { type Facet, planeOf } from "../../host/numbers/plane.ts";
import type { ActivationDtype, Lookup, SumsPost } from "../../host/program.ts";
import { programOf, requantize, smallLine, thresholds } from "../module/programs.ts";

const line = smallLine(1, 0, 0);
const facet = (lo: number, hi: number): Facet => ({ multiplier: 1n, second: 1n, offset: 0n, lo, hi, shift: 1 });
const table = (code: (byte: number) => number): Lookup => {
  return { kind: "lookup", table: Int16Array.from({ length: 256 }, (_, byte) => code(byte)) };
};

it.each<[string, ActivationDtype, SumsPost | Lookup, [number, number]]>([
  ["rising thresholds", "u8", thresholds({ base: 0, up: [1, 2, 3] }), [0, 3]],
  ["falling thresholds", "u8", thresholds({ base: 3, down: [1, 2, 3] }), [0, 3]],
  ["both", "i8", thresholds({ base: -1, up: [5], down: [7, 9] }), [-3, 0]],
  ["one step that makes a sign", "bit", thresholds({ base: -1, up: [0] }), [-1, 0]],
  ["records of their own", "i8", thresholds({ base: -5, up: [1] }, { base: 4, up: [1, 2] }, { base: 0 }), [-5, 6]],
  ["no steps", "u8", thresholds({ base: 7 }), [7, 7]],
  ["codes that wrap around", "u8", thresholds({ base: 254, up: [1, 2] }), [0, 255]],
  ["a multiplier", "i8", requantize({ lo: -7, hi: 8, rounding: "floor" }, line), [-7, 8]],
  ["planes", "i8", planeOf([facet(-3, 4), facet(-1, 7)]), [-3, 7]],
  ["a table", "u8", table((byte) => byte >> 4), [0, 15]],
  ["a table of signed codes", "i8", table((byte) => (byte >> 5) - 4), [-4, 3]],
])("the codes of %s, %s", (_, dtype, post, range) => {
  const channels = post.kind === "lookup" ? 2 : post.records;
  const program = programOf(
    [
      [post.kind === "lookup" ? "u8" : "i32", channels],
      [dtype, channels],
      ["u8", channels],
    ],
    [{ kind: "quantize", inputs: post.kind === "plane" ? [0, 2] : [0], output: 1, post }],
  );
  expect(codeRanges(program)(1)).toEqual(range);
});

it.each<[ActivationDtype, [number, number]]>([
  ["bit", [-1, 1]],
  ["u8", [0, 255]],
  ["i8", [-128, 127]],
])("the codes of an input are those of %s", (dtype, range) => {
  expect(codeRanges(programOf([[dtype, 3]], [], { outputs: [0] }))(0)).toEqual(range);
});

it("finds those of 65,535 tensors in one pass over the ops", () => {
  const post = thresholds({ base: 0, up: [1] });
  const program = programOf(
    Array.from({ length: 65_535 }, () => ["u8", 1]),
    Array.from({ length: 65_534 }, (_, i) => ({ kind: "quantize", inputs: [i], output: i + 1, post })),
  );
  const start = process.cpuUsage();
  const ranges = codeRanges(program);
  const found = Array.from({ length: 65_534 }, (_, i) => ranges(i + 1)[1]);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(2); // seconds; a search for each tensor took 20
  expect(new Set(found)).toEqual(new Set([1]));
});
