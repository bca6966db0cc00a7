import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { idat, ihdr, png } from "./png.ts";

const END: [string, number[]] = ["IEND", []];

function read(...chunks: [string, Iterable<number>][]): number[] {
  return [...readInput(png(...chunks, END), "a.png").data];
}

describe("a PNG", () => {
  // grey, all five filters: each row is 10, 20, 30 whatever its filter
  it("undoes every filter", () => {
    const rows = idat([0, 10, 20, 30], [1, 10, 10, 10], [2, 0, 0, 0], [3, 5, 5, 5], [4, 0, 0, 0]);
    const input = readInput(png(["IHDR", ihdr(3, 5, 8, 0)], ["IDAT", rows], END), "a.png");
    const data = Uint8Array.from([0, 1, 2, 3, 4].flatMap(() => [10, 20, 30]));
    expect(input).toEqual({ kind: "png", dtype: "u8", shape: [5, 3], data });
  });

  it("takes Paeth's nearest neighbour, left before up before the corner", () => {
    for (const [corner, up, left, added] of [
      [1, 2, 1, 2],
      [5, 9, 5, 9],
      [9, 5, 9, 5],
      [5, 3, 8, 5],
      [5, 8, 3, 5],
      [5, 7, 2, 5],
      [4, 4, 4, 4],
    ] as const) {
      const pixels = read(["IHDR", ihdr(2, 2, 8, 0)], ["IDAT", idat([0, corner, up], [4, left - corner, 0])]);
      expect(pixels).toEqual([corner, up, left, added]);
    }
  });

  it.each([
    [1, [0b10110000], [255, 0, 255, 255]],
    [2, [0b00011011], [0, 85, 170, 255]],
    [4, [0x01, 0x8f], [0, 17, 136, 255]],
    [8, [0, 1, 128, 255], [0, 1, 128, 255]],
    [16, [0, 0, 0, 129, 0x80, 0x80, 0xff, 0xff], [0, 1, 128, 255]],
  ])("stretches grey of %i bits to 8", (bits, row, data) => {
    expect(read(["IHDR", ihdr(4, 1, bits, 0)], ["IDAT", idat([0, ...row])])).toEqual(data);
  });

  it("reads colour, and joins its IDAT chunks", () => {
    const rows = idat([0, 1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1, 1]);
    const parts: [string, Iterable<number>][] = [
      ["IDAT", rows.subarray(0, 5)],
      ["IDAT", []],
      ["IDAT", rows.subarray(5)],
    ];
    const input = readInput(png(["IHDR", ihdr(2, 2, 8, 2)], ["tEXt", [1]], ...parts, END), "a.png");
    expect(input.shape).toEqual([2, 2, 3]);
    expect([...input.data]).toEqual([1, 2, 3, 4, 5, 6, 1, 1, 1, 2, 2, 2]);
  });

  it("reads palettes, with alpha on black", () => {
    const palette: [string, number[]] = ["PLTE", [255, 0, 0, 0, 200, 100]];
    const chunks: [string, Iterable<number>][] = [["IHDR", ihdr(3, 1, 1, 3)], palette];
    expect(read(...chunks, ["IDAT", idat([0, 0b01000000])])).toEqual([255, 0, 0, 0, 200, 100, 255, 0, 0]);
    const half: [string, number[]] = ["tRNS", [0, 128]];
    expect(read(...chunks, half, ["IDAT", idat([0, 0b01000000])])).toEqual([0, 0, 0, 0, 100, 50, 0, 0, 0]);
  });

  it.each([
    ["grey with alpha", ihdr(2, 1, 8, 4), [], [200, 255, 200, 128], [200, 100]],
    ["RGB with alpha", ihdr(1, 1, 8, 6), [], [255, 100, 0, 51], [51, 20, 0]],
    ["RGB with alpha, 16 bits", ihdr(1, 1, 16, 6), [], [255, 255, 128, 128, 0, 0, 128, 0], [128, 64, 0]],
    ["a transparent grey", ihdr(3, 1, 8, 0), [0, 7], [6, 7, 8], [6, 0, 8]],
    ["a transparent colour", ihdr(2, 1, 8, 2), [0, 1, 0, 2, 0, 3], [1, 2, 3, 1, 2, 4], [0, 0, 0, 1, 2, 4]],
  ])("blends onto black: %s", (_, header, transparency, row, data) => {
    const key: [string, number[]][] = transparency.length > 0 ? [["tRNS", transparency]] : [];
    expect(read(["IHDR", header], ...key, ["IDAT", idat([0, ...row])])).toEqual(data);
  });

  const GREY: [string, number[]] = ["IHDR", ihdr(2, 1, 8, 0)];
  const PIXELS: [string, Iterable<number>] = ["IDAT", idat([0, 1, 2])];
  it.each<[string, Uint8Array, string]>([
    ["no header", png(PIXELS, GREY, END), 'byte 8: chunk "IDAT", expected "IHDR"'],
    ["no end", png(GREY, PIXELS), "needs 4 bytes, but 0 are left"],
    ["no pixels", png(GREY, END), "a.png: inflates to 0 bytes, expected 3"],
    ["few pixels", png(GREY, ["IDAT", idat([0, 1])], END), "a.png: inflates to 2 bytes, expected 3"],
    ["many pixels", png(GREY, ["IDAT", idat([0, 1, 2, 3])], END), "a.png: inflates to more than 3 bytes"],
    ["pixels that are no zlib stream", png(GREY, ["IDAT", [1, 2, 3]], END), "a.png: cannot be inflated ("],
    ["a damaged chunk", png(GREY, PIXELS, END).with(20, 1), 'byte 8: chunk "IHDR" is damaged: its CRC does not match'],
    ["a chunk without name", png(["\x00\x01\x02\x03", []]), 'byte 8: chunk type "\\u0000\\u0001\\u0002\\u0003"'],
    ["unknown chunks that matter", png(GREY, ["ABCD", []]), 'unknown chunk "ABCD", which is needed'],
    ["interlacing", png(["IHDR", ihdr(2, 1, 8, 0, 1)]), "interlaced picture, expected one saved without interlacing"],
    ["no width", png(["IHDR", ihdr(0, 1, 8, 0)]), "picture of 0 x 1, expected 1 to 16777216 pixels"],
    ["too many pixels", png(["IHDR", ihdr(65_536, 257, 8, 0)]), "picture of 65536 x 257, expected 1 to 16777216"],
    ["bits that no grey has", png(["IHDR", ihdr(1, 1, 3, 0)]), "colour type 0 with 3 bits, which PNG lacks"],
    ["an unknown colour type", png(["IHDR", ihdr(1, 1, 8, 5)]), "colour type 5 with 8 bits, which PNG lacks"],
    ["a short header", png(["IHDR", [0, 0, 0, 1]]), "byte 20: needs 4 bytes, but 0 are left"],
    ["a filter above 4", png(GREY, ["IDAT", idat([5, 1, 2])], END), "a.png: row 0 has filter 5, expected 0 to 4"],
    ["a bent palette", png(["IHDR", ihdr(1, 1, 8, 3)], ["PLTE", [1]]), "palette of 1 bytes, expected a multiple of 3"],
    ["no palette", png(["IHDR", ihdr(1, 1, 8, 3)], ["IDAT", idat([0, 1])], END), "palette entry 1, but there are 0"],
    ["a bent transparency", png(GREY, ["tRNS", [1]]), "transparency of 1 bytes, expected 2"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readInput(bytes, "a.png")).toThrow(InputError);
    expect(() => readInput(bytes, "a.png")).toThrow(message);
  });
});
