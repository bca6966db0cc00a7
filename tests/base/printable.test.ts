import { describe, expect, it } from "vitest";
import { BlobError, EngineError, InputError, TernError, UnsupportedError } from "../../host/base/errors.ts";
import { escapeJson, escapeText, shorten, shown } from "../../host/base/printable.ts";

/** What steers a terminal, or is not to be seen. */
const HOSTILE: [string, string][] = [
  ["\u001b[31m", "\\u001b[31m"],
  ["\u009b31m", "\\u009b31m"],
  ["\u0000\u0007\b\u007f", "\\u0000\\u0007\\u0008\\u007f"],
  ["a\r\nb\tc", "a\\r\\nb\\tc"],
  ["\u2028\u2029\u0085", "\\u2028\\u2029\\u0085"],
  ["\u202e\u2066\u061c\u200f", "\\u202e\\u2066\\u061c\\u200f"],
  ["\u200b\u200d\ufeff\u2060\u00ad\u180e\u115f\ufe0f", "\\u200b\\u200d\\ufeff\\u2060\\u00ad\\u180e\\u115f\\ufe0f"],
  ["\ud800x\udc00", "\\ud800x\\udc00"],
  ["\u{e0041}", "\\udb40\\udc41"],
];

describe("escapeText", () => {
  it.each(HOSTILE)("%j", (text, expected) => {
    expect(escapeText(text)).toBe(expected);
    expect(escapeText(expected)).toBe(expected);
  });

  it("leaves what can be seen", () => {
    for (const text of ["layer.0/MatMul_1", "Größe × 3 → ½", "数字 العربية हिन्दी 😀", "█▀…"])
      expect(escapeText(text)).toBe(text);
  });
});

it("escapes JSON so that it stays the same JSON", () => {
  for (const [text] of HOSTILE) {
    const json = escapeJson(JSON.stringify({ text, [text]: [1] }, null, 2));
    expect(JSON.parse(json)).toEqual({ text, [text]: [1] });
    expect(escapeText(json.replaceAll("\n", ""))).toBe(json.replaceAll("\n", ""));
  }
});

it("cuts a long name in its middle, and no character in two", () => {
  expect(shorten("short", 5)).toBe("short");
  expect(shorten("0123456789", 7)).toBe("0123…89");
  expect(shown("a".repeat(1e6))).toHaveLength(64);
  for (let most = 3; most < 30; most++) {
    const cut = shorten("😀".repeat(20), most);
    expect(cut.length).toBeLessThanOrEqual(most);
    expect(escapeText(cut)).toBe(cut);
  }
});

describe("errors", () => {
  it("have one line, or those that they are made of", () => {
    const hostile = `x\nThe blob computes what the checkpoint computes.\u001b[2J${"y".repeat(10_000)}`;
    for (const error of [new TernError(hostile), new InputError(hostile), new BlobError(1, hostile)]) {
      expect(error.message).toBe(escapeText(error.message));
      expect(error.message.length).toBeLessThanOrEqual(800);
    }
    const lines = new EngineError("compile", "gcc:", hostile).message.split("\n");
    expect(lines).toEqual(["gcc:", shorten(escapeText(hostile), 800)]);
    const reason = { node: hostile, op: hostile, shape: hostile, why: hostile, instead: hostile };
    expect(new UnsupportedError([reason, { ...reason, instead: "b" }]).message.split("\n")).toHaveLength(3);
  });
});
