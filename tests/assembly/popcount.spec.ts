/** What binary kernels rest on: 32 products of ±1, bit 1 = −1, sum to 32 − 2 · popcnt(a ^ b). */
function dot(a: u32, b: u32): i32 {
  return 32 - 2 * popcnt<i32>(a ^ b);
}

describe("popcnt", () => {
  it("makes a dot product of ±1 vectors", () => {
    expect<i32>(dot(0, 0)).toBe(32);
    expect<i32>(dot(0, 0xffffffff)).toBe(-32);
    expect<i32>(dot(0xf0f0f0f0, 0xff00ff00)).toBe(0);
  });
});
