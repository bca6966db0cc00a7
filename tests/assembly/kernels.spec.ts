import { fieldCode, signBit, signCode } from "../../assembly/kernels";

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

/** Field k of `bits` bits, read bit by bit: the last one counts −2^(bits − 1). */
function field(data: StaticArray<u8>, k: u32, bits: u32): i32 {
  const lanes = 32 / bits;
  const first = 32 * (k / lanes) + bits * (k % lanes);
  let value = 0;
  for (let b: u32 = 0; b < bits; b++) {
    const at = first + b;
    const set: i32 = (data[at >> 3] >> <u8>(at & 7)) & 1;
    value += b == bits - 1 ? -(set << b) : set << b;
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

function naiveFieldCode<A>(weights: StaticArray<u8>, bits: u32, input: StaticArray<u8>, inputs: u32): i32 {
  let sum = 0;
  for (let k: u32 = 0; k < inputs; k++) sum += field(weights, k, bits) * code<A>(input, k);
  return sum;
}

function at(data: StaticArray<u8>): usize {
  return changetype<usize>(data);
}

describe("signBit", () => {
  it("is the sum of products of signs", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(12, inputs);
      const input = noise(12, ~inputs);
      let sum = 0;
      for (let k: u32 = 0; k < inputs; k++) sum += sign(weights, k) * sign(input, k);
      expect<i32>(signBit(at(weights), at(input), inputs)).toBe(sum);
    }
  });

  it("reaches both ends", () => {
    const ones = new StaticArray<u8>(12);
    const minusOnes = new StaticArray<u8>(12);
    memory.fill(at(minusOnes), 0xff, 12);
    expect<i32>(signBit(at(ones), at(ones), 65)).toBe(65);
    expect<i32>(signBit(at(ones), at(minusOnes), 65)).toBe(-65);
    expect<i32>(signBit(at(minusOnes), at(minusOnes), 65)).toBe(65);
  });
});

describe("signCode", () => {
  it("is the sum of signed codes, of either type", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(12, inputs);
      const input = noise(65, ~inputs);
      expect<i32>(signCode<u8>(at(weights), at(input), inputs)).toBe(naiveSignCode<u8>(weights, input, inputs));
      expect<i32>(signCode<i8>(at(weights), at(input), inputs)).toBe(naiveSignCode<i8>(weights, input, inputs));
    }
  });
});

describe("fieldCode", () => {
  it("is the sum of products of fields and codes, of every width and either type", () => {
    for (let i = 0; i < LANES.length; i++) {
      const inputs = LANES[i];
      const weights = noise(68, inputs);
      const input = noise(65, ~inputs);
      for (let bits: u32 = 2; bits <= 8; bits = bits == 4 ? 8 : bits + 1) {
        const unsigned = naiveFieldCode<u8>(weights, bits, input, inputs);
        const signed = naiveFieldCode<i8>(weights, bits, input, inputs);
        expect<i32>(fieldCode<u8>(at(weights), bits, at(input), inputs)).toBe(unsigned);
        expect<i32>(fieldCode<i8>(at(weights), bits, at(input), inputs)).toBe(signed);
      }
    }
  });

  it("takes the least weight times the greatest code", () => {
    const weights = new StaticArray<u8>(64);
    const input = new StaticArray<u8>(64);
    memory.fill(at(weights), 0x80, 64);
    memory.fill(at(input), 0xff, 64);
    expect<i32>(fieldCode<u8>(at(weights), 8, at(input), 64)).toBe(64 * -128 * 255);
    expect<i32>(fieldCode<i8>(at(weights), 8, at(input), 64)).toBe(64 * 128);
  });
});
