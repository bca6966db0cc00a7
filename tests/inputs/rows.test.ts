import { describe, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import type { Elements, InputStream } from "../../tools/inputs/input.ts";
import { fitRows } from "../../tools/inputs/rows.ts";

function stream(kind: InputStream["kind"], shape: number[], { dtype, data }: Elements): InputStream {
  const parts = function* (count: number) {
    for (let first = 0; first < data.length; first += count) yield data.subarray(first, first + count);
  };
  return { kind, shape, dtype, parts, close: () => {} };
}

function array(...shape: number[]): InputStream {
  const length = shape.reduce((product, size) => product * size, 1);
  return stream("npy", shape, { dtype: "i8", data: Int8Array.from({ length }, (_, i) => i) });
}

describe("fitRows", () => {
  it.each([
    [[1, 4, 4], [1, 4, 4], 1],
    [[4, 4], [1, 4, 4], 1],
    [[16], [1, 4, 4], 1],
    [[1, 4, 4], [16], 1],
    [[3, 1, 4, 4], [1, 4, 4], 3],
    [[3, 4, 4], [1, 4, 4], 3],
    [[3, 16], [1, 4, 4], 3],
    [[3, 2, 4], [8], 3],
    [[4, 4], [4], 4],
    [[5], [1], 5],
    [[], [1], 1],
  ])("takes %j for a model of %j as %i rows", (found, shape, rows) => {
    const fitted = fitRows(array(...found), { shape }, "a");
    expect(fitted).toMatchObject({ rows, dtype: "i8" });
    const batches = Array.from(fitted.batches(2));
    const size = shape.reduce((product, length) => product * length, 1);
    expect(batches.map(({ length }) => length / size)).toEqual({ 1: [1], 3: [2, 1], 4: [2, 2], 5: [2, 2, 1] }[rows]);
    expect(batches.flatMap((batch) => Array.from(batch))).toEqual(Array.from({ length: rows * size }, (_, i) => i));
  });

  it.each([
    [
      [4, 4, 1, 4],
      [1, 4, 5],
    ],
    [
      [2, 8],
      [1, 4, 4],
    ],
    [
      [0, 4, 4],
      [1, 4, 4],
    ],
    [[], [2]],
    [
      [2, 2, 16],
      [1, 4, 4],
    ],
  ])("refuses %j for a model of %j", (found, shape) => {
    const message = `a: shape [${found.join(", ")}], expected [${shape.join(", ")}] or [rows, ${shape.join(", ")}]`;
    expect(() => fitRows(array(...found), { shape }, "a")).toThrow(`${message} with at least one row`);
  });

  const GREY = stream("png", [1, 2], { dtype: "u8", data: Uint8Array.of(10, 20) });
  const COLOUR = stream("png", [1, 2, 3], { dtype: "u8", data: Uint8Array.of(255, 0, 0, 10, 20, 30) });
  it.each([
    ["grey", GREY, [1, 2], [10, 20]],
    ["grey", GREY, [1, 1, 2], [10, 20]],
    ["grey", GREY, [2], [10, 20]],
    ["grey", GREY, [3, 1, 2], [10, 20, 10, 20, 10, 20]],
    ["colour", COLOUR, [1, 1, 2], [76, 18]], // 76.245; 2.99 + 11.74 + 3.42 = 18.15
    ["colour", COLOUR, [3, 1, 2], [255, 10, 0, 20, 0, 30]],
  ])("fits a %s picture", (_, picture, shape, data) => {
    const fitted = fitRows(picture, { shape }, "a");
    expect(fitted).toMatchObject({ rows: 1, dtype: "u8" });
    expect(Array.from(fitted.batches(64))).toEqual([Uint8Array.from(data)]);
  });

  it("refuses a picture of another size", () => {
    const message = "a.png: colour picture of height 1 and width 2, expected input of shape [1, 28, 28]";
    expect(() => fitRows(COLOUR, { shape: [1, 28, 28] }, "a.png")).toThrow(new InputError(message));
  });
});

describe("fitRows for a model of pictures", () => {
  const chw = { shape: [3, 2, 2], layout: "chw" } as const;
  const last = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11];
  const rowsOf = (fitted: ReturnType<typeof fitRows>) => Array.from(fitted.batches(1), (batch) => Array.from(batch));

  it.each<[string, number[], { shape: readonly number[]; layout: "chw" | "hwc" }, number[]]>([
    ["channels first, as the model's", [3, 2, 2], chw, last],
    ["flat, in the model's order", [12], chw, last],
    ["channels last", [2, 2, 3], chw, last.map((_, i) => i)],
    ["channels last, as the model's", [2, 2, 3], { shape: [2, 2, 3], layout: "hwc" }, last.map((_, i) => i)],
    ["channels first of a model with channels last", [3, 2, 2], { shape: [2, 2, 3], layout: "hwc" }, last],
    ["a signal of two channels", [2, 3], { shape: [2, 3], layout: "chw" }, [0, 3, 1, 4, 2, 5]],
  ])("takes an array with %s", (_, found, model, expected) => {
    expect(rowsOf(fitRows(array(...found), model, "a"))).toEqual([expected]);
    const two = rowsOf(fitRows(array(2, ...found), model, "a"));
    expect(two).toEqual([expected, expected.map((element) => element + expected.length)]);
  });

  it("takes a picture in colour as its channels, last", () => {
    const data = Uint8Array.from({ length: 12 }, (_, i) => i);
    const picture = stream("png", [2, 2, 3], { dtype: "u8", data });
    expect(rowsOf(fitRows(picture, chw, "a"))).toEqual([Array.from(data)]);
  });

  it("refuses other shapes", () => {
    expect(() => fitRows(array(3, 2, 3), chw, "a")).toThrow("a: shape [3, 2, 3], expected [3, 2, 2]");
    expect(() => fitRows(array(2, 3, 2), chw, "a")).toThrow(InputError);
  });
});
