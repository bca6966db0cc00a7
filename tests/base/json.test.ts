import { expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { parseJson } from "../../host/base/json.ts";

const parse = (text: string) => parseJson(new TextEncoder().encode(text), (message) => new InputError(`it ${message}`));

it.each([
  "{}",
  '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}], "c": "a"}',
  '{"a": ["a", "a"], "b": "a\\", \\"a\\": "}',
  '["a", "a"]',
  '"a"',
  "1e3",
  " null ",
])("reads %s as JSON.parse does", (text) => {
  expect(parse(text)).toEqual(JSON.parse(text));
});

it.each([
  ['{"a": 1, "a": 1}', 'it has the name "a" twice'],
  ['{"a": 1, "\\u0061": 1}', 'it has the name "a" twice'],
  ['[{"b": {"x": [1, 2], "y": 0, "x": 1}}]', 'it has the name "x" twice'],
  ['{"a": 1,', "it is no JSON"],
  ['{"\\', "it is no JSON"],
  ["", "it is no JSON"],
  ["[".repeat(65), "it is nested deeper than 64"],
  ['{"a":'.repeat(1e6), "it is nested deeper than 64"],
])("refuses %s", (text, why) => {
  expect(() => parse(text)).toThrow(InputError);
  expect(() => parse(text)).toThrow(why);
});

it("takes 64 deep", () => expect(parse("[".repeat(64) + "]".repeat(64))).toBeDefined());

it("refuses bytes that are no UTF-8", () => {
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), (message) => new InputError(message))).toThrow("UTF-8");
});
