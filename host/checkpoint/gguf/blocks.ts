import { bfloatToNumber, halfToNumber } from "../elements.ts";

// How ggml stores weights (ggml-common.h and ggml-quants.c of https://github.com/ggml-org/llama.cpp): blocks of so many weights, one behind another in the order of
// the tensor, each with scales of its own. All numbers that a block stands for are rounded to f32, as ggml computes them.

/** A way to store weights. */
export interface BlockType {
  name: string;
  /** Weights of a block, and its bytes. */
  weights: number;
  bytes: number;
  /** Bytes behind all blocks. */
  tail?: number;
  /** Puts the weights of the block at byte `at` into `data` from `to` on. `tail` is the byte where the tail begins. Returns what is wrong with it, if something is. */
  read(view: DataView, at: number, data: Float64Array, to: number, tail: number): string | undefined;
}

const { fround } = Math;

const half = (view: DataView, at: number) => halfToNumber(view.getUint16(at, true));
const single = (name: string, bytes: number, read: (view: DataView, at: number) => number): BlockType => ({
  ...{ name, weights: 1, bytes },
  read(view, at, data, to) {
    data[to] = read(view, at);
  },
});

/** By ggml's number (enum ggml_type). */
export const BLOCKS: Readonly<Record<number, BlockType>> = {
  0: single("F32", 4, (view, at) => view.getFloat32(at, true)),
  1: single("F16", 2, half),
  24: single("I8", 1, (view, at) => view.getInt8(at)),
  25: single("I16", 2, (view, at) => view.getInt16(at, true)),
  26: single("I32", 4, (view, at) => view.getInt32(at, true)),
  28: single("F64", 8, (view, at) => view.getFloat64(at, true)),
  30: single("BF16", 2, (view, at) => bfloatToNumber(view.getUint16(at, true))),

  2: {
    ...{ name: "Q4_0", weights: 32, bytes: 18 },
    read(view, at, data, to) {
      const d = half(view, at);
      for (let j = 0; j < 32; j++) data[to + j] = d * (nibble(view, at + 2, j) - 8);
    },
  },
  3: {
    ...{ name: "Q4_1", weights: 32, bytes: 20 },
    read(view, at, data, to) {
      const [d, m] = [half(view, at), half(view, at + 2)];
      for (let j = 0; j < 32; j++) data[to + j] = fround(d * nibble(view, at + 4, j) + m);
    },
  },
  8: {
    ...{ name: "Q8_0", weights: 32, bytes: 34 },
    read(view, at, data, to) {
      const d = half(view, at);
      for (let j = 0; j < 32; j++) data[to + j] = d * view.getInt8(at + 2 + j);
    },
  },
  12: {
    // d, dmin, eight scales and eight minima of 6 bits, 4 bits each: low halves of 32 bytes, then high ones
    ...{ name: "Q4_K", weights: 256, bytes: 144 },
    read(view, at, data, to) {
      const [d, least] = [half(view, at), half(view, at + 2)];
      for (let sub = 0; sub < 8; sub++) {
        const [scale, minimum] = sixBits(view, at + 4, sub);
        const first = at + 16 + 32 * (sub >> 1);
        for (let j = 0; j < 32; j++) {
          const code = (view.getUint8(first + j) >> (4 * (sub & 1))) & 15;
          data[to + 32 * sub + j] = fround(d * scale * code - least * minimum);
        }
      }
    },
  },
  14: {
    // 4 low bits, 2 high bits, sixteen scales of 8 bits, d
    ...{ name: "Q6_K", weights: 256, bytes: 210 },
    read(view, at, data, to) {
      const d = half(view, at + 208);
      for (let j = 0; j < 256; j++) {
        const [part, quarter, l] = [j >> 7, (j >> 5) & 3, j & 31];
        const low = view.getUint8(at + 64 * part + 32 * (quarter & 1) + l) >> (4 * (quarter >> 1));
        const high = view.getUint8(at + 128 + 32 * part + l) >> (2 * quarter);
        const code = ((low & 15) | ((high & 3) << 4)) - 32;
        data[to + j] = fround(d * view.getInt8(at + 192 + (j >> 4)) * code);
      }
    },
  },
  34: {
    // five weights to a byte in base 3, as 243rds of 256, the first the most significant: 32 bytes of five, 16 of five, 4 of four
    ...{ name: "TQ1_0", weights: 256, bytes: 54 },
    read(view, at, data, to) {
      const d = half(view, at + 52);
      for (let j = 0; j < 256; j++) {
        const [first, bytes, k] = j < 160 ? [0, 32, j] : j < 240 ? [32, 16, j - 160] : [48, 4, j - 240];
        const byte = view.getUint8(at + first + (k % bytes));
        data[to + j] = d * (((((byte * 3 ** Math.floor(k / bytes)) & 255) * 3) >> 8) - 1);
      }
    },
  },
  35: {
    // two bits a weight: of each half, byte m has the weights m, m + 32, m + 64 and m + 96
    ...{ name: "TQ2_0", weights: 256, bytes: 66 },
    read(view, at, data, to) {
      const d = half(view, at + 64);
      for (let j = 0; j < 256; j++) {
        const code = (view.getUint8(at + 32 * (j >> 7) + (j & 31)) >> (2 * ((j >> 5) & 3))) & 3;
        if (code === 3) return `weight ${j} has the bits 11`;
        data[to + j] = d * (code - 1);
      }
    },
  },
  36: {
    // BitNet's own, as x86 has it: two bits a weight, the first in the highest bits; one scale of f32 behind all
    ...{ name: "I2_S", weights: 128, bytes: 32, tail: 32 },
    read(view, at, data, to, tail) {
      const scale = view.getFloat32(tail, true);
      for (let j = 0; j < 128; j++) {
        const code = (view.getUint8(at + (j & 31)) >> (6 - 2 * (j >> 5))) & 3;
        if (code === 3) return `weight ${j} has the bits 11`;
        data[to + j] = scale * (code - 1);
      }
    },
  },
};

/** 4 bits of 16 bytes: low halves first. */
function nibble(view: DataView, at: number, j: number): number {
  return (view.getUint8(at + (j & 15)) >> (4 * (j >> 4))) & 15;
}

/** Scale and minimum `j` of eight each in 12 bytes: four of either in 6 low bits, the others in halves and in the 2 bits that these leave. */
function sixBits(view: DataView, at: number, j: number): [scale: number, minimum: number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** Types that are not read, by what they are called; some numbers are two types, of ggml and of BitNet's older copies of it. */
export const UNREAD: Readonly<Record<number, string>> = {
  ...{ 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS" },
  ...{ 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 27: "I64", 29: "IQ1_M" },
  ...{ 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 37: "I8_S", 38: "TL1", 39: "MXFP4 or TL2", 40: "NVFP4 or Q1_0" },
  ...{ 41: "Q1_0", 42: "Q2_0 or TL2" },
};
