import { describe, expect, it } from "vitest";
import { FlashError } from "../../host/base/errors.ts";
import { readUf2, UF2_FAMILIES, type Uf2Family, writeUf2 } from "../../host/flash/uf2.ts";
import { Random } from "../graph/random.ts";

const FAMILIES = Object.entries<Uf2Family>(UF2_FAMILIES);
const RP2040: Uf2Family = UF2_FAMILIES.rp2040;
const ADDRESS = 0x1010_0000;

const bytesOf = (seed: number, count: number) => {
  const random = new Random(seed);
  return Uint8Array.from({ length: count }, () => random.int(0, 255));
};
const blocksOf = (file: Uint8Array) =>
  Array.from({ length: file.length / 512 }, (_, i) => file.subarray(512 * i, 512 * (i + 1)));
const fileOf = (blocks: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(blocks));

/** The struct of the format's README, field by field. */
function block(
  fields: { flags?: number; address: number; number: number; count: number; family: number },
  data: Uint8Array,
) {
  const { flags = 0x2000, address, number, count, family } = fields;
  const bytes = Buffer.alloc(512);
  const words = [0x0a324655, 0x9e5d5157, flags, address, data.length, number, count, family];
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 4 * i);
  bytes.set(data, 32);
  bytes.writeUInt32LE(0x0ab16f30, 508);
  return new Uint8Array(bytes);
}

describe("UF2", () => {
  it("has the golden bytes of the format", () => {
    const file = writeUf2({ address: ADDRESS, bytes: new Uint8Array(4096).fill(0xa5) }, RP2040);
    expect(file.length).toBe(16 * 512);
    const [first, last] = [file.subarray(0, 512), file.subarray(-512)];
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    const fixed = `5546320a57515d9e00200000`; // "UF2\n", the second magic, a family is given
    expect(hex(first.subarray(0, 32))).toBe(`${fixed}00001010${"00010000"}${"00000000"}${"10000000"}56ff8be4`);
    expect(hex(last.subarray(0, 32))).toBe(`${fixed}000f1010${"00010000"}${"0f000000"}${"10000000"}56ff8be4`);
    expect(hex(first.subarray(32, 508))).toBe("a5".repeat(256) + "00".repeat(220));
    expect(hex(first.subarray(508))).toBe("306fb10a");
  });

  it.each(FAMILIES)("is what the format's struct says for %s", (_, family) => {
    const address = family.flash.address + family.eraseBytes;
    const bytes = bytesOf(1, 2 * family.eraseBytes);
    const count = bytes.length / 256;
    const expected = Array.from({ length: count }, (_, number) => {
      const at = 256 * number;
      return block({ address: address + at, number, count, family: family.id }, bytes.subarray(at, at + 256));
    });
    expect(writeUf2({ address, bytes }, family)).toEqual(fileOf(expected));
  });

  it.each(FAMILIES)(
    "%s has an id of its own, erase units of whole blocks, and flash of whole erase units",
    (_, family) => {
      const { id, flash, eraseBytes } = family;
      expect(FAMILIES.filter(([, other]) => other.id === id)).toHaveLength(1);
      expect([eraseBytes % 256, flash.address % eraseBytes, flash.bytes % eraseBytes]).toEqual([0, 0, 0]);
      const all = { address: flash.address + flash.bytes - eraseBytes, bytes: new Uint8Array(eraseBytes) };
      expect(readUf2(writeUf2(all, family), family)).toEqual([all]);
    },
  );

  it("gives the same flash from blocks in any order, and again", () => {
    const chunk = { address: ADDRESS, bytes: bytesOf(2, 3 * 4096) };
    const blocks = blocksOf(writeUf2(chunk, RP2040));
    for (let seed = 0; seed < 50; seed++) {
      const random = new Random(seed);
      const drawn = [...blocks, ...blocks.filter(() => random.chance(0.3))];
      for (let i = drawn.length - 1; i > 0; i--) {
        const j = random.int(0, i);
        [drawn[i], drawn[j]] = [drawn[j]!, drawn[i]!];
      }
      expect(readUf2(fileOf(drawn), RP2040)).toEqual([chunk]);
    }
  });

  it("passes over what is for other boards, for no flash, or files", () => {
    const chunk = { address: ADDRESS, bytes: bytesOf(3, 4096) };
    const other = writeUf2({ address: 0x4000, bytes: bytesOf(4, 8192) }, UF2_FAMILIES.samd51);
    const comment = block({ flags: 0x2001, address: 0, number: 0, count: 1, family: RP2040.id }, bytesOf(5, 476));
    const contained = block({ flags: 0x1000, address: 0, number: 0, count: 1, family: 100 }, bytesOf(6, 100));
    const file = fileOf([comment, other, writeUf2(chunk, RP2040), contained]);
    expect(readUf2(file, RP2040)).toEqual([chunk]);
    expect(() => readUf2(other, RP2040)).toThrow(
      "uf2: no block for the flash of Raspberry Pi RP2040 (family 0xe48bff56)",
    );
  });

  it("reads payloads of other sizes, blocks without a family, and runs apart", () => {
    const [a, b] = [bytesOf(7, 476), bytesOf(8, 4)];
    const at = (address: number, number: number) => ({ flags: 0, address, number, count: 3, family: 0 });
    const file = fileOf([block(at(0x5000, 0), b), block(at(0x3000, 1), a), block(at(0x3000 + 476, 2), b)]);
    expect(readUf2(file, RP2040)).toEqual([
      { address: 0x3000, bytes: fileOf([a, b]) },
      { address: 0x5000, bytes: b },
    ]);
  });

  it.each<[string, { address: number; bytes: Uint8Array }, Uf2Family, string]>([
    [
      "no erase unit's address",
      { address: ADDRESS + 256, bytes: new Uint8Array(4096) },
      RP2040,
      "uf2, address: 0x10100100, expected a multiple of 4096, the erase unit of Raspberry Pi RP2040",
    ],
    [
      "half an erase unit",
      { address: ADDRESS, bytes: new Uint8Array(2048) },
      RP2040,
      "uf2, size: 0x00000800, expected a multiple of 4096",
    ],
    [
      "nothing",
      { address: ADDRESS, bytes: new Uint8Array() },
      RP2040,
      "uf2, address: 0x10100000 … 0x10100000, expected a part of",
    ],
    [
      "what lies before flash",
      { address: 0xffff000, bytes: new Uint8Array(8192) },
      RP2040,
      "uf2, address: 0x0ffff000 … 0x10001000, expected a part of 0x10000000 … 0x11000000, the flash of Raspberry Pi RP2040",
    ],
    [
      "what ends behind it",
      { address: 0xff000, bytes: new Uint8Array(8192) },
      UF2_FAMILIES.nrf52840,
      "expected a part of 0x00000000 … 0x00100000, the flash of Nordic nRF52840",
    ],
  ])("refuses to write %s", (_, chunk, family, message) => {
    expect(() => writeUf2(chunk, family)).toThrow(FlashError);
    expect(() => writeUf2(chunk, family)).toThrow(message);
  });

  const good = writeUf2({ address: ADDRESS, bytes: bytesOf(9, 4096) }, RP2040);
  const word = (at: number, value: number) => {
    const file = good.slice();
    new DataView(file.buffer).setUint32(at, value, true);
    return file;
  };
  it.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(), "uf2: no block for the flash of"],
    ["a block cut short", good.subarray(0, -1), "uf2, byte 7680: 511 bytes, expected blocks of 512"],
    ["another magic", word(512, 1), "uf2, byte 512: magic 0x00000001, expected 0x0a324655"],
    ["another second magic", word(516, 1), "uf2, byte 516: magic 0x00000001, expected 0x9e5d5157"],
    ["a block written by half", word(1020, 1), "uf2, byte 1020: magic 0x00000001, expected 0x0ab16f30"],
    [
      "a payload beyond the block",
      word(16, 480),
      "uf2, byte 16: a payload of 480 bytes, expected a multiple of 4 up to 476",
    ],
    ["an odd payload", word(16, 255), "uf2, byte 16: a payload of 255 bytes"],
    ["no payload", word(16, 0), "uf2, byte 16: a payload of 0 bytes"],
    ["an odd address", word(12, ADDRESS + 2), "uf2, byte 12: address 0x10100002, expected a multiple of 4"],
    ["an address at the end of all", word(12, 0xffff_ff80), "uf2, byte 12: address 0xffffff80"],
    ["a number beyond the count", word(20, 16), "uf2, byte 20: block 16 of 16, expected less"],
    ["another count", word(512 + 24, 17), "uf2, byte 536: one of 17 blocks, expected 16 as before"],
    ["a missing block", good.subarray(512), "uf2: 15 of 16 blocks, block 0 is missing"],
    [
      "blocks of one number that disagree",
      word(512 + 20, 0),
      "uf2, byte 512: block 0 again, with another address or other bytes",
    ],
    [
      "blocks on top of each other",
      word(512 + 12, ADDRESS + 252),
      "uf2: block 1 begins at 0x101000fc, within the one before it",
    ],
  ])("refuses to read %s", (_, file, message) => {
    expect(() => readUf2(file, RP2040)).toThrow(FlashError);
    expect(() => readUf2(file, RP2040)).toThrow(message);
  });
});
