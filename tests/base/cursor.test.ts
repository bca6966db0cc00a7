import { describe, expect, it } from "vitest";
import { Cursor } from "../../host/base/cursor.ts";
import { TernError } from "../../host/base/errors.ts";

const fail = (offset: number, message: string) => new TernError(`byte ${offset}: ${message}`);
const cursor = (...bytes: number[]) => new Cursor(Uint8Array.from(bytes), fail);

/** Method, bytes, value. */
const NUMBERS: [keyof Cursor & `${"u" | "i" | "f"}${string}`, number[], number | bigint][] = [
  ["u8", [0xff], 255],
  ["i8", [0xff], -1],
  ["u16", [0x34, 0x92], 0x9234],
  ["i16", [0xfe, 0xff], -2],
  ["u32", [1, 2, 3, 0x84], 0x84030201],
  ["u32be", [0x84, 3, 2, 1], 0x84030201],
  ["i32", [0xfe, 0xff, 0xff, 0xff], -2],
  ["u64", [1, 0, 0, 0, 0, 0, 0, 0x80], 0x8000000000000001n],
  ["i64", [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -2n],
  ["f32", [0, 0, 0xc0, 0x3f], 1.5],
  ["f64", [0, 0, 0, 0, 0, 0, 0xf8, 0xbf], -1.5],
];

describe("Cursor", () => {
  it.each(NUMBERS)("%s reads %j as %s", (method, bytes, value) => {
    const file = cursor(7, ...bytes, 9);
    file.skip(1);
    expect(file[method]()).toBe(value);
    expect(file.offset).toBe(1 + bytes.length);
    expect(file.u8()).toBe(9);
  });

  it.each(NUMBERS)("%s stops one byte before its end, and does not move", (method, bytes) => {
    const file = cursor(7, ...bytes.slice(1));
    file.skip(1);
    const message = `byte 1: needs ${bytes.length} bytes, but ${bytes.length - 1} are left`;
    expect(() => file[method]()).toThrow(new TernError(message));
    expect(file.offset).toBe(1);
  });

  it("hands out ranges as views", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const file = new Cursor(bytes.subarray(1), fail);
    const range = file.bytes(2);
    expect([...range]).toEqual([2, 3]);
    expect(range.buffer).toBe(bytes.buffer);
    expect(file.remaining).toBe(1);
    expect(file.bytes(1)).toHaveLength(1);
    expect(file.bytes(0)).toHaveLength(0);
  });

  it.each([-1, 0.5, 4, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses to go on by or to %d", (count) => {
    const file = cursor(1, 2, 3);
    expect(() => file.bytes(count)).toThrow(`byte 0: needs ${count} bytes, but 3 are left`);
    expect(() => file.skip(count)).toThrow(`byte 0: needs ${count} bytes, but 3 are left`);
    expect(() => file.seek(count)).toThrow(`byte 0: points to byte ${count}, but there are 3 bytes`);
  });

  it("seeks back, and to the end", () => {
    const file = cursor(1, 2, 3);
    file.seek(3);
    expect(file.remaining).toBe(0);
    file.seek(1);
    expect(file.u8()).toBe(2);
  });
});
