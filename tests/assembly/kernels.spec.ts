import { fieldCode, prepare, preparedBytes, preparedCode, sign32Bit } from "../../assembly/kernels";

/** Numbers of lanes: one word of signs or fields, and each side of its edges. */
const LANES: StaticArray<u32> = [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 15, 16, 17, 31, 32, 33, 63, 64, 65];

/** Any bytes: the padding behind the last lane is not 0, and must not count. */
function noise(bytes: i32, seed: u32): StaticArray<u8> {
  const data = new StaticArray<u8>(bytes);
  for (let i = 0; i < bytes; i++) {
    seed = seed * 1664525 + 1013904223;
    data[i] = <u8>(seed >> 24);
  }
  return data;
}

/** ±1 of bit k: 1 is −1. */
function sign(data: StaticArray<u8>, k: u32): i32 {
  return (data[k >> 3] >> <u8>(k & 7)) & 1 ? -1 : 1;
}

/** Field k of `bits` bits, read bit by bit, less `offset`. */
function field(data: StaticArray<u8>, k: u32, bits: u32, offset: i32): i32 {
  const lanes = 32 / bits;
  const first = 32 * (k / lanes) + bits * (k % lanes);
  let value = -offset;
  for (let b: u32 = 0; b < bits; b++) {
    const at = first + b;
    const set: i32 = (data[at >> 3] >> <u8>(at & 7)) & 1;
    value += set << b;
  }
  return value;
}

function code<A>(data: StaticArray<u8>, k: u32): i32 {
  return isSigned<A>() ? <i32>(<i8>data[k]) : <i32>data[k];
}

function naiveSignCode<A>(weights: StaticArray<u8>, input: StaticArray<u8>, inputs: u32): i32 {
  let sum = 0;
  for (let k: u32 = 0; k < inputs; k++) sum += sign(weights, k) * code<A>(input, k);
  return sum;
}

function naiveFieldCode<A>(weights: StaticArray<u8>, bits: u32, offset: i32, input: StaticArray<u8>, inputs: u32): i32 {
  let sum = 0;
  for (let k: u32 = 0; k < inputs; k++) sum += field(weights, k, bits, offset) * code<A>(input, k);
  return sum;
}

function at(data: StaticArray<u8>): usize {
  return changetype<usize>(data);
}

/** A row of codes as the kernel of a packing of `bits` bits wants it. */
function row(data: StaticArray<u8>, signed: bool, bits: u32, inputs: u32): StaticArray<u8> {
  const bytes = preparedBytes(bits, inputs, 1);
  if (!bytes) return data;
  const prepared = new StaticArray<u8>(bytes);
  prepare(signed, bits, at(data), inputs, 1, at(prepared));
  return prepared;
}

/** By the kernel of prepared rows where there is one. */
function product<A>(
  bits: u32,
  offset: i32,
  weights: usize,
  weightStep: u32,
  channels: u32,
  codes: usize,
  codeStep: u32,
  rows: u32,
  inputs: u32,
  sums: usize,
  sumStep: u32,
): void {
  if (preparedBytes(bits, inputs, 1)) {
    preparedCode(bits, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  } else {
    fieldCode<A>(bits, offset, weights, weightStep, channels, codes, codeStep, rows, inputs, sums, sumStep);
  }
}

/** A block of one channel and one row. */
function one(): StaticArray<i32> {
  return new StaticArray<i32>(1);
}

describe("sign32Bit", () => {
  it("is the sum of products of signs", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(12, inputs);
      const input = noise(12, ~inputs);
      let expected = 0;
      for (let k: u32 = 0; k < inputs; k++) expected += sign(weights, k) * sign(input, k);
      const sum = one();
      sign32Bit(at(weights), 12, 1, at(input), 16, 1, inputs, changetype<usize>(sum), 4);
      expect<i32>(sum[0]).toBe(expected);
    }
  });

  it("reaches both ends", () => {
    const ones = new StaticArray<u8>(12);
    const minusOnes = new StaticArray<u8>(12);
    memory.fill(at(minusOnes), 0xff, 12);
    const sum = one();
    sign32Bit(at(ones), 12, 1, at(minusOnes), 16, 1, 65, changetype<usize>(sum), 4);
    expect<i32>(sum[0]).toBe(-65);
    sign32Bit(at(minusOnes), 12, 1, at(minusOnes), 16, 1, 65, changetype<usize>(sum), 4);
    expect<i32>(sum[0]).toBe(65);
  });
});

describe("signs × codes", () => {
  it("is the sum of signed codes, of either type", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(12, inputs);
      const input = noise(65, ~inputs);
      const sum = one();
      preparedCode(
        1,
        1,
        at(weights),
        12,
        1,
        at(row(input, false, 1, inputs)),
        80,
        1,
        inputs,
        changetype<usize>(sum),
        4,
      );
      expect<i32>(sum[0]).toBe(naiveSignCode<u8>(weights, input, inputs));
      preparedCode(1, 1, at(weights), 12, 1, at(row(input, true, 1, inputs)), 80, 1, inputs, changetype<usize>(sum), 4);
      expect<i32>(sum[0]).toBe(naiveSignCode<i8>(weights, input, inputs));
    }
  });
});

describe("fields × codes", () => {
  it("is the sum of products of fields and codes, of every width and either type", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(68, inputs);
      const input = noise(65, ~inputs);
      const sum = one();
      for (let bits: u32 = 2; bits <= 8; bits = bits == 4 ? 8 : bits + 1) {
        for (let offset: i32 = 1; offset <= 1 << (bits - 1); offset <<= 1) {
          product<u8>(
            bits,
            offset,
            at(weights),
            68,
            1,
            at(row(input, false, bits, inputs)),
            80,
            1,
            inputs,
            changetype<usize>(sum),
            4,
          );
          expect<i32>(sum[0]).toBe(naiveFieldCode<u8>(weights, bits, offset, input, inputs));
          product<i8>(
            bits,
            offset,
            at(weights),
            68,
            1,
            at(row(input, true, bits, inputs)),
            80,
            1,
            inputs,
            changetype<usize>(sum),
            4,
          );
          expect<i32>(sum[0]).toBe(naiveFieldCode<i8>(weights, bits, offset, input, inputs));
        }
      }
    }
  });

  it("writes a block: a sum for every row and channel, and nothing beside them", () => {
    const weights = noise(3 * 8, 7);
    const input = noise(2 * 16, 9);
    const sums = new StaticArray<i32>(8);
    sums.fill(-1);
    fieldCode<i8>(3, 4, at(weights), 8, 3, at(input), 16, 2, 11, changetype<usize>(sums), 16);
    for (let row = 0; row < 2; row++) {
      for (let channel = 0; channel < 3; channel++) {
        const w = StaticArray.fromArray<u8>(weights.slice<Array<u8>>(8 * channel, 8 * channel + 8));
        const x = StaticArray.fromArray<u8>(input.slice<Array<u8>>(16 * row, 16 * row + 16));
        expect<i32>(sums[4 * row + channel]).toBe(naiveFieldCode<i8>(w, 3, 4, x, 11));
      }
      expect<i32>(sums[4 * row + 3]).toBe(-1);
    }
  });
});
