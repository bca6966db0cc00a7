import { expect, it } from "vitest";
import { placeBeside } from "../../tools/terminal/beside.ts";
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

it("writes numbers for people, the same everywhere", () => {
  expect(formatCount(1234567)).toBe("1,234,567");
  expect([formatShare(0.40832), formatShare(1, 2)]).toEqual(["40.8 %", "100.00 %"]);
  expect([plural(1, "row"), plural(1000, "row")]).toEqual(["1 row", "1,000 rows"]);
});

it("places blocks side by side where they fit, colours taking no room", () => {
  const red = "\x1b[38;5;196m##\x1b[0m";
  expect(placeBeside([red, "a"], 2, ["x", "y", "z"])).toEqual([`${red}   x`, "a    y", "     z"]);
  expect(placeBeside(["a"], 40, ["x".repeat(37)])).toEqual([`a${" ".repeat(42)}${"x".repeat(37)}`]);
  expect(placeBeside(["a"], 40, ["x".repeat(38)])).toEqual(["a", "x".repeat(38)]);
});
