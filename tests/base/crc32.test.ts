import { expect, it } from "vitest";
import { crc32 } from "../../host/base/crc32.ts";

it.each([
  ["", 0],
  ["123456789", 0xcbf43926], // the check value of every list of CRCs
  ["IEND", 0xae426082], // the last bytes of every PNG
])("crc32 of %j", (text, crc) => {
  expect(crc32(new TextEncoder().encode(text))).toBe(crc);
});
