import { expect, it } from "vitest";
import { formatMarkdown, formatNumber, formatRows } from "../../tools/bench/markdown.ts";

it("aligns Markdown in the source", () => {
  const rows = [
    ["a", "b"],
    ["long", "1"],
  ];
  expect(formatMarkdown("lr", rows)).toEqual(["| a    |  b |", "| ---- | -: |", "| long |  1 |"]);
});

it("shows rows as they are, with a column for each field and each field of a field", () => {
  const rows = [
    { name: "a", count: 12_345, code: { all: 7 } },
    { name: "b", met: true, code: { all: 8, cnt: 0.5 } },
  ];
  expect(formatRows(rows)).toEqual([
    "| name |  count | code all |  met | code cnt |",
    "| ---- | -----: | -------: | ---: | -------: |",
    "| a    | 12,345 |        7 |      |          |",
    "| b    |        |        8 | true |      0.5 |",
  ]);
  expect(formatRows([])).toEqual([]);
});

it.each([
  [1234.5, "1,235"],
  [99.96, "100"],
  [12.34, "12.3"],
  [0.012345, "0.0123"],
])("writes %d as %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
