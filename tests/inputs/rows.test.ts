import { describe, expect, it } from "vitest";
import { InputError } from "../../host/errors.ts";
import type { Input } from "../../tools/inputs/input.ts";
import { fitRows } from "../../tools/inputs/rows.ts";

function array(...shape: number[]): Input {
  const length = shape.reduce((product, size) => product * size, 1);
  return { kind: "npy", dtype: "i8", shape, data: Int8Array.from({ length }, (_, i) => i) };
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
    const input = array(...found);
    expect(fitRows(input, shape, "a")).toEqual({ rows, dtype: "i8", data: input.data });
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
    expect(() => fitRows(array(...found), shape, "a")).toThrow(`${message} with at least one row`);
  });

  const GREY: Input = { kind: "png", dtype: "u8", shape: [1, 2], data: Uint8Array.of(10, 20) };
  const COLOUR: Input = { kind: "png", dtype: "u8", shape: [1, 2, 3], data: Uint8Array.of(255, 0, 0, 10, 20, 30) };
  it.each([
    ["grey", GREY, [1, 2], [10, 20]],
    ["grey", GREY, [1, 1, 2], [10, 20]],
    ["grey", GREY, [2], [10, 20]],
    ["grey", GREY, [3, 1, 2], [10, 20, 10, 20, 10, 20]],
    ["colour", COLOUR, [1, 1, 2], [76, 18]], // 76.245; 2.99 + 11.74 + 3.42 = 18.15
    ["colour", COLOUR, [3, 1, 2], [255, 10, 0, 20, 0, 30]],
  ])("fits a %s picture", (_, picture, shape, data) => {
    expect(fitRows(picture, shape, "a")).toEqual({ rows: 1, dtype: "u8", data: Uint8Array.from(data) });
  });

  it("refuses a picture of another size", () => {
    const message = "a.png: colour picture of height 1 and width 2, expected input of shape [1, 28, 28]";
    expect(() => fitRows(COLOUR, [1, 28, 28], "a.png")).toThrow(new InputError(message));
  });
});
