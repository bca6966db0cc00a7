import { expect, it } from "vitest";
import { placeBeside } from "../../tools/terminal/beside.ts";
import { Painted } from "../../tools/terminal/paint.ts";
import { formatCount, formatShare, formatTable, plural } from "../../tools/terminal/table.ts";

it("aligns the columns of a table", () => {
  const rows = [
    ["layer", "bytes", "then"],
    ["a", "5,760", ""],
    ["longer", "2", "x"],
  ];
  expect(formatTable("lrl", rows)).toEqual(["layer   bytes  then", "a       5,760", "longer      2  x"]);
  expect(formatTable("lr", [])).toEqual([]);
});

const WIDE = [
  ["board", "module", "code", "instructions", ""],
  ["microbit", "scalar_ternary", "12,345", "1,234,567", "fits, 1,234 bytes of RAM free"],
  ["lm3s6965evb", "core", "9", "", "no: 12 bytes of RAM short, 345 bytes of flash for code short"],
];

it("wraps the last column where the screen is narrow, and cuts names", () => {
  const rows = [
    ["a/very/long/path/to/a/layer/of/a/network", "equal", "self-test: 2 of 2 right"],
    ["b", "differs", "self-test: 1 of 2 right, which is a longer text than others"],
  ];
  expect(formatTable("lll", rows, { columns: 60 })).toEqual([
    "a/very/long/path…/network  equal    self-test: 2 of 2 right",
    "b                          differs  self-test: 1 of 2 right,",
    "                                    which is a longer text",
    "                                    than others",
  ]);
});

it.each([40, 50, 60, 80, 100])("fits a table with a head into %i columns", (columns) => {
  const lines = formatTable("llrrl", WIDE, { columns, headed: true });
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
});

it("makes a list of a table that is too wide", () => {
  expect(formatTable("llrrl", WIDE.slice(0, 2), { columns: 50, headed: true })).toEqual([
    "microbit",
    "  module        scalar_ternary",
    "  code          12,345",
    "  instructions  1,234,567",
    "                fits, 1,234 bytes of RAM free",
  ]);
});

it("shows what a name holds, and measures it as it is shown", () => {
  const rows = [
    ["a\u001b[31m", "x"],
    ["b\n", "y"],
  ];
  expect(formatTable("ll", rows)).toEqual(["a\\u001b[31m  x", "b\\n          y"]);
});

it("writes numbers for people, the same everywhere", () => {
  expect(formatCount(1234567)).toBe("1,234,567");
  expect([formatShare(0.40832), formatShare(1, 2)]).toEqual(["40.8 %", "100.00 %"]);
  expect([plural(1, "row"), plural(1000, "row")]).toEqual(["1 row", "1,000 rows"]);
});

it("places blocks side by side where they fit, colours taking no room", () => {
  const red = new Painted("\x1b[38;5;196m##\x1b[0m", 2);
  expect(placeBeside([red, "a"], 2, ["x", "y", "z"])).toEqual([new Painted(`${red.text}   x`, 6), "a    y", "     z"]);
  expect(placeBeside(["a"], 40, ["x".repeat(37)])).toEqual([`a${" ".repeat(42)}${"x".repeat(37)}`]);
  expect(placeBeside(["a"], 40, ["x".repeat(38)])).toEqual(["a", "x".repeat(38)]);
});
