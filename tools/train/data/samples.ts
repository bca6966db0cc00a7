import { InputError } from "../../../host/base/errors.ts";
import { type Quantizer, quantize, zeroPoint } from "../../../host/numbers/quantizer.ts";
import type { Random } from "../../../host/numbers/random.ts";
import { realOf, type Unit } from "../../../host/numbers/unit.ts";
import type { Network } from "../network.ts";
import { type Dataset, sizeOf } from "./dataset.ts";
import { type Augmentation, centreView, eachPixel, randomView, type View } from "./view.ts";

/** Samples as a network takes them: codes, in f32, each times `scale`. */
export interface Samples {
  count: number;
  labels: Uint16Array;
  scale: number;
  /** Codes of some samples (indices, …input.shape): as they are, or with `random` changed as the augmentation says. */
  codes(indices: Uint32Array, random?: Random): Float32Array;
}

/**
 * The samples of a dataset for the input of a network: quantized in float64, as the converted network will do it. A pixel stands for what `unit`
 * says. Throws InputError where they do not fit.
 */
export function samplesFor(
  { input, classes }: Network,
  data: Dataset,
  unit: Unit,
  augmentation: Augmentation & { crop: boolean },
  name: string,
): Samples {
  const bad = data.labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new InputError(
      `${name}: class ${data.labels[bad]} of sample ${bad}, expected 0 to ${classes - 1}, as the network has scores`,
    );
  }
  const [from, to] = sizesOf(input.shape, data, augmentation.crop, name);
  const channels = data.shape.at(-1)!;
  const toCode = coderOf(input.quantizer);
  const size = sizeOf(input);
  const empty = Float32Array.from({ length: size }, (_, i) =>
    codeOfNothing(data, unit, channels, toCode, i % channels),
  );
  const codeOf = elementCoder(data, unit, channels, toCode);
  const samples = sizeOf(data);
  return {
    count: data.count,
    labels: data.labels,
    scale: input.quantizer ? input.quantizer.scale[0]! : 1,
    codes(indices, random) {
      const codes = new Float32Array(indices.length * size);
      for (const [i, index] of indices.entries()) {
        const [source, target] = [index * samples, i * size];
        if (from === undefined || to === undefined) {
          for (let e = 0; e < size; e++) codes[target + e] = codeOf(data.elements[source + e]!, e);
          continue;
        }
        const view: View = random ? randomView(from, to, augmentation, random) : centreView(from, to);
        codes.set(empty, target);
        eachPixel(from, to, channels, view, (pixel, place) => {
          for (let c = 0; c < channels; c++) {
            codes[target + place + c] = codeOf(data.elements[source + pixel + c]!, c);
          }
        });
      }
      return codes;
    },
  };
}

type Size = readonly [number, number];

/** Height and width of the data's pictures and of the network's, where samples are pictures. */
function sizesOf(
  shape: readonly number[],
  data: Dataset,
  crop: boolean,
  name: string,
): [Size, Size] | [undefined, undefined] {
  const fail = (advice = "") =>
    new InputError(
      `${name}: samples of shape [${data.shape.join(", ")}], expected [${shape.join(", ")}] as the network takes${advice}`,
    );
  if (data.shape.length === 1) {
    if (sizeOf(data) !== sizeOf({ shape })) throw fail();
    return [undefined, undefined];
  }
  const [height, width, channels] = data.shape as [number, number, number];
  if (shape.length === 1) {
    if (channels !== 1 || height * width !== shape[0]) throw fail();
    return [
      [height, width],
      [height, width],
    ];
  }
  const [rows, columns, planes] = shape as [number, number, number];
  if (channels !== planes || height < rows || width < columns) throw fail();
  if (!crop && (height > rows || width > columns)) throw fail("; --augment crop takes a part of each");
  return [
    [height, width],
    [rows, columns],
  ];
}

function coderOf(quantizer: Quantizer | undefined): (x: number) => number {
  return quantizer ? (x) => quantize(quantizer, x, 0) - zeroPoint(quantizer, 0) : (x) => x;
}

/** The code of an element of a channel. Those of pixels are looked up. */
function elementCoder({ elements }: Dataset, unit: Unit, channels: number, toCode: (x: number) => number) {
  if (elements instanceof Float32Array) return (x: number) => toCode(x);
  const real = realOf(unit, channels);
  const table = Float32Array.from({ length: channels * 256 }, (_, i) => toCode(real(i & 0xff, i >> 8)));
  return (pixel: number, channel: number) => table[((channel % channels) << 8) | pixel]!;
}

/** The code of what comes in at the edges: a black pixel, or the number 0. */
function codeOfNothing(
  { elements }: Dataset,
  unit: Unit,
  channels: number,
  toCode: (x: number) => number,
  channel: number,
) {
  return toCode(elements instanceof Float32Array ? 0 : realOf(unit, channels)(0, channel));
}
