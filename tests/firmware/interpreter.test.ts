import { expect, it } from "vitest";
import { edited } from "../../host/firmware/make/interpreter.ts";
import { wasm3 } from "../../host/firmware/make/interpreters.ts";

const interpreter = { ...wasm3, edits: [{ file: "a.h", from: /\bu64\b/g, to: "u32", times: 2 }] };

it("edits the files that it is told to, and no other", () => {
  expect(edited(interpreter, "a.h", "u64 a; u64 b;")).toBe("u32 a; u32 b;");
  expect(edited(interpreter, "b.h", "u64 a;")).toBe("u64 a;");
});

it.each(["u64 a;", "u64 a, b; u64 c; u64 d;", ""])("refuses a file that is not the one it knows: %j", (text) => {
  expect(() => edited(interpreter, "a.h", text)).toThrow(/^a\.h: found \/.*\/g [013] times, expected 2$/);
});
