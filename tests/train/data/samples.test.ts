import { describe, expect, it } from "vitest";
import { InputError } from "../../../host/base/errors.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { unitOf } from "../../../host/numbers/unit.ts";
import type { Dataset } from "../../../tools/train/data/dataset.ts";
import { samplesFor } from "../../../tools/train/data/samples.ts";
import { planNetwork } from "../../../tools/train/network.ts";

const AS_IT_IS = { shift: 0, flip: false, crop: false };
const PIXEL = unitOf({ scale: "1/255" }, 1);
const BYTE = { bits: 8, signed: false, scale: "1/255" };
const SIGNED = { bits: 8, signed: true, scale: "1/128" };

const networkOf = (shape: number[], quantizer?: object, layout?: string) =>
  planNetwork(
    JSON.stringify({
      input: { shape, quantizer, layout },
      layers: [{ op: "flatten" }, { op: "dense", outputs: 2, weights: "ternary" }],
    }),
  );
const dataOf = (shape: number[], elements: Uint8Array | Float32Array): Dataset => {
  const count = elements.length / shape.reduce((a, b) => a * b, 1);
  return { count, shape, elements, labels: new Uint16Array(count) };
};
const bytes = (...values: number[]) => Uint8Array.from(values);
const both = Uint32Array.of(0, 1);

describe("codes", () => {
  it("are the pixels, where the quantizer's scale is theirs", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const samples = samplesFor(networkOf([128], BYTE), dataOf([8, 16, 1], all), PIXEL, AS_IT_IS, "data");
    expect([...samples.codes(both)]).toEqual([...all]);
    expect(samples.scale).toBe(1 / 255);
  });

  it("are those of what a pixel stands for, channel by channel", () => {
    const unit = unitOf({ scale: "1/255", mean: [0.5, 0], std: [0.5, 1] }, 2);
    const samples = samplesFor(
      networkOf([2, 1, 2], SIGNED),
      dataOf([1, 2, 2], bytes(0, 0, 255, 255, 128, 128, 64, 64)),
      unit,
      AS_IT_IS,
      "data",
    );
    expect([...samples.codes(both)]).toEqual([-128, 0, 127, 127, 1, 64, -64, 32]); // 2p/255 − 1 and p/255, times 128
  });

  it("are those of numbers, or the numbers where there is no quantizer", () => {
    const data = dataOf([2], Float32Array.of(0.5, -2, 0.0039, 7));
    expect([...samplesFor(networkOf([2], SIGNED), data, PIXEL, AS_IT_IS, "data").codes(both)]).toEqual([
      64, -128, 0, 127,
    ]);
    expect([...samplesFor(networkOf([2]), data, PIXEL, AS_IT_IS, "data").codes(both)]).toEqual([...data.elements]);
  });

  it("are 1 and −1 of a quantizer of one signed bit", () => {
    const samples = samplesFor(
      networkOf([2], { bits: 1, signed: true, scale: 1 }),
      dataOf([2], Float32Array.of(0, -0.5)),
      PIXEL,
      AS_IT_IS,
      "data",
    );
    expect([...samples.codes(Uint32Array.of(0))]).toEqual([1, -1]);
  });
});

describe("augmentation", () => {
  const square = (side: number) => Uint8Array.from({ length: side * side }, (_, i) => i + 1);
  const views = (side: number, augmentation: typeof AS_IT_IS, from = side, draws = 400) => {
    const samples = samplesFor(
      networkOf([1, side, side], BYTE),
      dataOf([from, from, 1], square(from)),
      PIXEL,
      augmentation,
      "data",
    );
    const random = mulberry32(1);
    return new Set(Array.from({ length: draws }, () => [...samples.codes(Uint32Array.of(0), random)].join(" ")));
  };
  /** Of all pictures that may be seen, what each pixel is: 0 outside. */
  const seen = (side: number, from: number, tops: number[], lefts: number[], flips: boolean[]) =>
    new Set(
      tops.flatMap((top) =>
        lefts.flatMap((left) =>
          flips.map((flipped) =>
            Array.from({ length: side * side }, (_, i) => {
              const [y, x] = [Math.floor(i / side) + top, (i % side) + left];
              if (y < 0 || x < 0 || y >= from || x >= from) return 0;
              return y * from + (flipped ? from - 1 - x : x) + 1;
            }).join(" "),
          ),
        ),
      ),
    );

  it("moves pictures by every distance up to the reach, and no farther", () => {
    expect(views(3, { shift: 1, flip: false, crop: false })).toEqual(seen(3, 3, [-1, 0, 1], [-1, 0, 1], [false]));
  });

  it("mirrors some pictures", () => {
    expect(views(3, { shift: 0, flip: true, crop: false })).toEqual(seen(3, 3, [0], [0], [false, true]));
  });

  it("takes every part of larger pictures, mirrored or not", () => {
    expect(views(2, { shift: 0, flip: true, crop: true }, 4)).toEqual(seen(2, 4, [0, 1, 2], [0, 1, 2], [false, true]));
  });

  it("takes the middle where nothing is drawn", () => {
    const samples = samplesFor(
      networkOf([1, 2, 2], BYTE),
      dataOf([4, 4, 1], square(4)),
      PIXEL,
      { shift: 3, flip: true, crop: true },
      "data",
    );
    expect([...samples.codes(Uint32Array.of(0))]).toEqual([6, 7, 10, 11]);
  });

  it("brings in what a black pixel stands for", () => {
    const unit = unitOf({ scale: "1/255", mean: 0.5, std: 0.5 }, 1);
    const samples = samplesFor(
      networkOf([1, 1, 1], SIGNED),
      dataOf([1, 1, 1], bytes(255)),
      unit,
      { shift: 1, flip: false, crop: false },
      "data",
    );
    const random = mulberry32(2);
    const codes = Array.from({ length: 100 }, () => samples.codes(Uint32Array.of(0), random)[0]);
    expect(new Set(codes)).toEqual(new Set([127, -128]));
  });
});

it.each<[string, ReturnType<typeof networkOf>, Dataset, string]>([
  [
    "a class without a score",
    networkOf([2], BYTE),
    { ...dataOf([2], bytes(1, 2)), labels: Uint16Array.of(2) },
    "class 2 of sample 0, expected 0 to 1",
  ],
  [
    "another size",
    networkOf([1, 3, 3], BYTE),
    dataOf([4, 4, 1], new Uint8Array(16)),
    "samples of shape [4, 4, 1], expected [3, 3, 1] as the network takes; --augment crop",
  ],
  [
    "smaller pictures",
    networkOf([1, 5, 5], BYTE),
    dataOf([4, 4, 1], new Uint8Array(16)),
    "samples of shape [4, 4, 1], expected [5, 5, 1]",
  ],
  ["other channels", networkOf([3, 4, 4], BYTE), dataOf([4, 4, 1], new Uint8Array(16)), "expected [4, 4, 3]"],
  ["colours for a vector", networkOf([12], BYTE), dataOf([2, 2, 3], new Uint8Array(12)), "expected [12]"],
  ["other features", networkOf([3], BYTE), dataOf([2], new Float32Array(2)), "expected [3]"],
])("refuses %s", (_, network, data, why) => {
  const fit = () => samplesFor(network, data, PIXEL, AS_IT_IS, "data");
  expect(fit).toThrow(InputError);
  expect(fit).toThrow(why);
});
