import { expect, it } from "vitest";
import { CUTS, Misuse, NorFlash, POWER_CUT } from "./flash.ts";

// The simulated flash itself: a proof on a flash that allows what no flash does would prove nothing.

const BASE = 0x4000;
const region = { address: BASE, sectorBytes: 256, bytes: 1024 };
const flashOf = (unitBytes = 8, erased = 0xff) => new NorFlash(unitBytes, erased, [region]);
const bytes = (value: number, count = 8) => new Uint8Array(count).fill(value);

it.each([
  [0xff, 0x5a],
  [0x00, 0x5a],
])("programs and erases, erased as %i", (erased, value) => {
  const flash = flashOf(8, erased);
  expect([...flash.look(BASE, 8)]).toEqual([...bytes(erased)]);
  expect(flash.program(BASE + 256, bytes(value, 16))).toBe(true);
  expect([...flash.look(BASE + 248, 32)]).toEqual([...bytes(erased), ...bytes(value, 16), ...bytes(erased)]);
  expect(flash.erase(BASE + 256)).toBe(true);
  expect(flash.bytes.every((byte) => byte === erased)).toBe(true);
  expect(flash.program(BASE + 256, bytes(value))).toBe(true);
  expect(flash.operations).toBe(2 + 1 + 1);
});

it.each([
  ["a unit twice", (flash: NorFlash) => flash.program(BASE, bytes(1)) && flash.program(BASE, bytes(1))],
  [
    "erased bytes, and then others",
    (flash: NorFlash) => flash.program(BASE, bytes(0xff)) && flash.program(BASE, bytes(1)),
  ],
  ["half a unit", (flash: NorFlash) => flash.program(BASE, bytes(1, 4))],
  ["across units", (flash: NorFlash) => flash.program(BASE + 4, bytes(1))],
  ["before the first sector", (flash: NorFlash) => flash.program(BASE - 8, bytes(1))],
  ["behind the last", (flash: NorFlash) => flash.program(BASE + 1024, bytes(1))],
  ["from the middle of a sector on", (flash: NorFlash) => flash.erase(BASE + 128)],
  ["no sector", (flash: NorFlash) => flash.erase(BASE + 1024)],
  ["bytes that there are not", (flash: NorFlash) => flash.read(new Uint8Array(16), 0, BASE + 1020, 8)],
])("refuses to write, erase or read %s", (_, misuse) => {
  expect(() => misuse(flashOf())).toThrow(Misuse);
});

it("refuses to write what is to be kept", () => {
  const flash = flashOf();
  flash.kept = [[BASE + 256, BASE + 512]];
  expect(() => flash.program(BASE + 504, bytes(1))).toThrow(Misuse);
  expect(() => flash.erase(BASE + 256)).toThrow(Misuse);
  expect(flash.program(BASE + 512, bytes(1)) && flash.erase(BASE)).toBe(true);
});

it.each([0xff, 0x00])("a program that is cut changes bits only away from %i, and none twice", (erased) => {
  for (const cut of CUTS) {
    const flash = flashOf(8, erased);
    flash.powerUp(1, cut);
    expect(() => flash.program(BASE, bytes(0x5a, 24))).toThrow(POWER_CUT);
    const [first, second, third] = [0, 8, 16].map((at) => [...flash.look(BASE + at, 8)]);
    expect([first, third]).toEqual([[...bytes(0x5a)], [...bytes(erased)]]);
    for (const byte of second!) expect((byte ^ erased) & ~(0x5a ^ erased) & 0xff).toBe(0);
    if (cut === "before" || cut === "early") expect(second).toEqual([...bytes(erased)]);
    else expect(second).not.toEqual([...bytes(erased)]);
    flash.powerUp();
    if (cut === "before") {
      expect(flash.program(BASE + 8, bytes(0x5a))).toBe(true);
    } else if (cut === "early") {
      flash.program(BASE + 8, bytes(0x5a)); // allowed, since it reads as erased, and wrong
      expect([...flash.look(BASE + 8, 8)]).not.toEqual([...bytes(0x5a)]);
    } else {
      expect(() => flash.program(BASE + 8, bytes(0x5a))).toThrow(Misuse);
    }
    flash.erase(BASE);
    expect(flash.program(BASE + 8, bytes(0x5a))).toBe(true);
  }
});

it.each([0xff, 0x00])("an erase that is cut leaves some of a sector, erased as %i", (erased) => {
  for (const cut of CUTS) {
    const flash = flashOf(8, erased);
    flash.program(BASE, bytes(0x5a, 512));
    flash.powerUp(0, cut);
    expect(() => flash.erase(BASE)).toThrow(POWER_CUT);
    const sector = [...flash.look(BASE, 256)];
    const moved = sector.filter((byte) => byte !== 0x5a).length;
    expect(moved > 0).toBe(cut !== "before");
    const towards = cut === "early" ? ~erased & 0xff : erased;
    for (const byte of sector) expect((byte ^ 0x5a) & ~(towards ^ 0x5a) & 0xff).toBe(0);
    if (cut === "half") expect(new Set(sector)).toEqual(new Set([0x5a, erased]));
    expect([...flash.look(BASE + 256, 256)]).toEqual([...bytes(0x5a, 256)]);
  }
});

it("a unit that is not to be trusted cannot be read where flash has error correction", () => {
  const flash = flashOf();
  flash.tornIsUnreadable = true;
  flash.powerUp(0, "early");
  expect(() => flash.program(BASE + 8, bytes(1))).toThrow(POWER_CUT);
  const memory = new Uint8Array(64);
  expect([0, 8, 12, 16].map((at) => flash.read(memory, 0, BASE + at, 4))).toEqual([true, false, false, true]);
  expect(flash.read(memory, 0, BASE, 32)).toBe(false);
});

it("what is saved comes back, with what is to be trusted", () => {
  const flash = flashOf();
  flash.program(BASE, bytes(1));
  const saved = flash.save();
  flash.program(BASE + 8, bytes(1));
  flash.restore(saved);
  expect(() => flash.program(BASE, bytes(1))).toThrow(Misuse);
  expect(flash.program(BASE + 8, bytes(1))).toBe(true);
});
