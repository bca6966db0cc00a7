import { expect, it } from "vitest";
import { wrapText } from "../../tools/terminal/wrap.ts";

it.each([
  ["", [""]],
  ["one two", ["one two"]],
  ["  one two three", ["  one two", "    three"]],
  ["one two three four", ["one two", "    three", "    four"]],
  ["unbreakable word", ["unbreakable", "    word"]],
])("wraps %j at 10 columns", (text, lines) => {
  expect(wrapText(text, 10)).toEqual(lines);
});
