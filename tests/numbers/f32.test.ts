import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { beforeAll, describe, expect, it } from "vitest";
import * as functions from "../../host/numbers/f32.ts";
import { orderKey } from "../../host/numbers/order.ts";
import { Random } from "../graph/random.ts";
import { ALL_SEEDS } from "../seeds.ts";

const { sum, ...f32 } = { ...functions };
type Name = keyof typeof f32;
const NAMES = Object.keys(f32) as Name[];

const ASSEMBLY = join(import.meta.dirname, "../../assembly");
const view = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/** Every so many f32 from one positive number to another, of both signs; every 255th in `npm run test:random`. */
function* between(from: number, to: number, stride: number): Generator<number> {
  for (let key = orderKey(from); key <= orderKey(to); key += ALL_SEEDS ? 255 : stride) {
    yield fromBits(key);
    yield -fromBits(key);
  }
}

/** Distance from an f32 to a real number, in units of the f32 before which it stands. */
function ulps(found: number, exact: number): number {
  const size = Math.max(2 ** (Math.floor(Math.log2(Math.abs(exact))) - 23), 2 ** -149);
  return Math.abs(found - exact) / size;
}

/** The greatest error of a function over such numbers. */
function worst(
  xs: Iterable<number>,
  found: (x: number) => number,
  exact: (x: number) => number,
  error: (found: number, exact: number) => number,
): { error: number; at: number } {
  const most = { error: 0, at: 0 };
  for (const x of xs) {
    const e = error(found(x), exact(x));
    if (!(e <= most.error)) Object.assign(most, { error: e, at: x });
  }
  return most;
}

/** erf by its Taylor series around multiples of 1/32, whose own values are sums of the one around 0 (DLMF 7.6.1) or of the continued fraction of erfc (7.9.1). */
const NODES = Array.from({ length: 32 * 6 + 1 }, (_, i) => {
  const x = i / 32;
  const terms = [1, -2 * x];
  for (let n = 1; n < 10; n++) terms.push((-2 * x * terms[n]! - 2 * terms[n - 1]!) / (n + 1));
  const slope = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
  return [erfOf(x), ...terms.map((term, n) => (slope * term) / (n + 1))];
});

function erfOf(x: number): number {
  if (x > 2.5) {
    let fraction = 0;
    for (let k = 200; k > 0; k--) fraction = k / 2 / (x + fraction);
    return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
  }
  let [total, term] = [x, x];
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

function erf(x: number): number {
  const a = Math.min(Math.abs(x), 6);
  const node = Math.round(a * 32);
  const h = a - node / 32;
  return Math.sign(x) * NODES[node]!.reduceRight((total, c) => total * h + c, 0);
}

function gelu(x: number): number {
  return (x / 2) * (1 + erf(x * Math.SQRT1_2));
}

function geluTanh(x: number): number {
  return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const absolute = (found: number, exact: number) => Math.abs(found - exact);
const STRIDE = 2039;
const LONG = ALL_SEEDS ? 600_000 : 20_000;

describe("within the error that is stated", () => {
  it("the erf that others are compared with", () => {
    // Abramowitz and Stegun, table 7.1, and Wolfram's N[Erf[x], 17]
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(erf(1)).toBeCloseTo(0.8427007929497149, 15);
    expect(erf(-3)).toBeCloseTo(-0.9999779095030014, 15);
  });

  it.each<[Name, number, (x: number) => number, typeof ulps, from: number, to: number]>([
    ["exp", 1, Math.exp, ulps, 2 ** -26, 87.3],
    ["erf", 1.3, erf, ulps, 2 ** -40, 6],
    ["tanh", 1.4, Math.tanh, ulps, 2 ** -40, 20],
    ["gelu", 5e-7, gelu, absolute, 2 ** -40, 8],
    ["geluTanh", 5e-7, geluTanh, absolute, 2 ** -40, 8],
    ["silu", 2.2, (x) => x / (1 + Math.exp(-x)), ulps, 2 ** -40, 87.3],
  ])(
    "%s, of %d",
    (name, bound, exact, error, from, to) => {
      const most = worst(between(from, to, STRIDE), f32[name], exact, error);
      expect(most.error, `at ${most.at}`).toBeLessThanOrEqual(bound);
      expect(most.error).toBeGreaterThan(bound / 4); // the bound says something
    },
    LONG,
  );

  it("exp below the normal numbers, and where it ends", () => {
    const xs = [...between(87.4, 104, STRIDE)].filter((x) => x < 0);
    const most = worst(xs, f32.exp, Math.exp, (found, exact) => Math.abs(found - exact) / 2 ** -149);
    expect(most.error, `at ${most.at}`).toBeLessThanOrEqual(0.8);
    expect([-Infinity, -104, Number.NaN].map(f32.exp)).toEqual([0, 0, 0]);
    expect([89, 1000, Infinity].map(f32.exp)).toEqual([Infinity, Infinity, Infinity]);
    expect([0, -0].map(f32.exp)).toEqual([1, 1]);
  });

  it("the others of 0 and of infinity", () => {
    expect([f32.erf(-0), f32.tanh(0), f32.gelu(0), f32.silu(0)]).toEqual([-0, 0, 0, 0]);
    expect([f32.erf(Infinity), f32.tanh(-Infinity), f32.silu(Infinity)]).toEqual([1, -1, Infinity]);
    expect([f32.silu(-200), f32.relu2(-3), f32.relu2(3), f32.inverseSqrt(4)]).toEqual([-0, 0, 9, 0.5]);
  });

  it("a sum of four partial sums", () => {
    const terms = [2 ** 24, 1, 1, 1, 1, 1, 1, 1, -(2 ** 24)];
    // 2^24 + 1 is 2^24 in f32, and 1 + 2 + 2 + 2 are left
    expect(sum(terms.length, (i) => terms[i]!)).toBe(6);
    expect(sum(0, () => 1)).toBe(0);
  });
});

describe("the module's functions have the same bits", () => {
  const module = {} as Record<Name, (x: number) => number>;
  beforeAll(async () => {
    const files: Record<string, Uint8Array> = {};
    const { error } = await asc.main(
      ["f32.ts", "-O3", "--runtime", "stub", "--baseDir", ASSEMBLY, "--outFile", "f32.wasm"],
      {
        readFile: (name, folder) => {
          const path = join(folder, name);
          return existsSync(path) ? readFileSync(path, "utf8") : null;
        },
        writeFile: (name, contents) => {
          files[name] = contents as Uint8Array;
        },
      },
    );
    expect(error).toBeNull();
    const { instance } = await WebAssembly.instantiate(files["f32.wasm"] as Uint8Array<ArrayBuffer>);
    Object.assign(module, instance.exports);
  }, 60_000);

  it.each(NAMES)(
    "%s, on a grid and of any bits",
    (name) => {
      const random = new Random(32);
      const check = (x: number) => {
        const [found, expected] = [module[name](x), f32[name](x)];
        if (!Object.is(found, expected)) expect.fail(`${name}(${x}) is ${found} in the module, expected ${expected}`);
      };
      for (const x of between(2 ** -149, 3.4e38, 8191)) check(x);
      for (let i = 0; i < 100_000; i++) check(fromBits(random.int(0, 2 ** 32 - 1)));
      for (const x of [0, -0, Infinity, -Infinity]) check(x);
    },
    LONG,
  );
});
