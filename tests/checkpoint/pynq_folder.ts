import { mulberry32 } from "../../host/numbers/random.ts";

/** A dense layer of ±1: a row for each output, of as many signs as it has inputs; its thresholds are counts of agreeing inputs. */
export interface Layer {
  weights: number[][];
  thresholds: number[];
}

/** How a layer is spread: over so many elements, with so many weights in a word. */
export interface Folding {
  pe: number;
  simd: number;
}

/** Seeded layers of these sizes: inputs, and the outputs of each. */
export function randomLayers(sizes: readonly number[], seed: number): Layer[] {
  const next = mulberry32(seed);
  return sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i]!;
    const weights = Array.from({ length: outputs }, () =>
      Array.from({ length: inputs }, () => (next() < 0.5 ? -1 : 1)),
    );
    return { weights, thresholds: weights.map(() => Math.floor(inputs * (0.4 + 0.2 * next()))) };
  });
}

const padded = (size: number, to: number) => to * Math.ceil(size / to);

/** The files that BNN-PYNQ has of layers: the first one's inputs and the last one's outputs are filled up to multiples of 64. */
export function pynqFiles(
  layers: readonly Layer[],
  foldings: readonly Folding[],
  folder = "",
): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [l, { weights, thresholds }] of layers.entries()) {
    const { pe, simd } = foldings[l]!;
    const inputs = padded(weights[0]!.length, l === 0 ? 64 : simd);
    const outputs = padded(weights.length, l === layers.length - 1 ? 64 : pe);
    for (let element = 0; element < pe; element++) {
      const rows = Array.from({ length: outputs / pe }, (_, row) => row * pe + element);
      const words = rows.flatMap((m) => wordsOf(weights[m] ?? [], inputs, simd));
      files.set(`${folder}${l}-${element}-weights.bin`, bytesOf(words));
      files.set(`${folder}${l}-${element}-thres.bin`, bytesOf(rows.map((m) => BigInt(thresholds[m] ?? 32767))));
    }
  }
  return files;
}

/** Words of `simd` weights each, the first in the lowest bit, 1 for +1; what is missing is +1. */
function wordsOf(row: readonly number[], inputs: number, simd: number): bigint[] {
  return Array.from({ length: inputs / simd }, (_, word) => {
    let bits = 0n;
    for (let i = 0; i < simd; i++) if ((row[word * simd + i] ?? 1) === 1) bits |= 1n << BigInt(i);
    return bits;
  });
}

function bytesOf(words: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(words, (word) => BigInt.asIntN(64, word)).buffer);
}
