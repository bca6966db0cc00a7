import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../host/base/errors.ts";
import { halfToNumber } from "../../host/checkpoint/elements.ts";
import { BLOCKS } from "../../host/checkpoint/gguf/blocks.ts";
import { openGguf } from "../../host/checkpoint/gguf/open.ts";
import { openWeights, readCheckpoint } from "../../host/checkpoint/index.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { openFileSource } from "../../tools/files/file_source.ts";
import { type Given, ggufHeader, number, type Stored, u32, word, words, writeGguf } from "./gguf_file.ts";
import { hostile } from "./hostile.ts";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const F32 = 0;
const floats = (dims: number[], values: number[]): Stored => ({
  dims,
  type: F32,
  data: bytesOf(Float32Array.from(values)),
});
const readAll = (file: Uint8Array) =>
  [...openWeights(file).tensors].map(([name, { dims, read }]) => [name, dims, [...read()]]);

const FACTS = {
  "general.architecture": word("llama"),
  "tokenizer.ggml.tokens": words("a", "bc"),
  "general.alignment": number(64),
};
const FILE = writeGguf({
  facts: FACTS,
  alignment: 64,
  tensors: {
    "a.weight": floats([2, 3], [0, 1, -2.5, 3, 4, 5]),
    "a.bias": { dims: [2], type: 1, data: bytesOf(Uint16Array.of(0x3c00, 0xc100)) },
    "b.weight": { dims: [2], type: 30, data: bytesOf(Uint16Array.of(0x3f80, 0xc0a0)) },
    ternary: { dims: [1, 256], type: 35, data: new Uint8Array(66).fill(0x55).fill(0, 64).fill(0x3c, 65) },
  },
});

it("gives names, shapes and elements, the fastest axis last", () => {
  const { format, notes } = openWeights(FILE);
  expect({ format, notes }).toEqual({ format: "gguf", notes: ['a model of the kind "llama"'] });
  expect(readAll(FILE)).toEqual([
    ["a.weight", [2, 3], [0, 1, -2.5, 3, 4, 5]],
    ["a.bias", [2], [1, -2.5]],
    ["b.weight", [2], [1, -5]],
    ["ternary", [1, 256], Array(256).fill(0)],
  ]);
});

/** −1, 0, 1, −1, …: the pattern of which golden bytes are known. */
const PATTERN = Array.from({ length: 256 }, (_, j) => (j % 3) - 1);
const hex = (bytes: string) => Uint8Array.from(bytes.split(" "), (byte) => Number.parseInt(byte, 16));
/** So many bytes that begin so and go on. */
const repeated = (bytes: string, count: number) => {
  const some = hex(bytes);
  return Array.from({ length: count }, (_, i) => some[i % some.length]!);
};

describe("ternary weights", () => {
  it.each<[string, number, number[], number]>([
    ["TQ1_0", 34, [...repeated("45 6c cf", 32), ...repeated("94 bb 31", 16), ...hex("30 92 bb 30"), 0, 0x3c], 1],
    ["TQ2_0", 35, [...repeated("18 61 86", 64), 0, 0x3c], 1],
    [
      "I2_S",
      36,
      [...repeated("24 49 92", 32), ...secondHalf(), ...bytesOf(Float32Array.of(0.375)), ...Array(28).fill(0)],
      0.375,
    ],
  ])("%s: golden bytes", (_, type, data, scale) => {
    const file = writeGguf({ tensors: { w: { dims: [1, 256], type, data: Uint8Array.from(data) } } });
    expect([...openWeights(file).tensors.get("w")!.read()].map((w) => w + 0)).toEqual(
      PATTERN.map((t) => t * scale + 0),
    );
  });

  it.each([35, 36])("the bits 11 are refused in type %i", (type) => {
    const data = new Uint8Array(type === 35 ? 66 : 96).fill(0x55);
    data[5] = 0xff;
    const file = writeGguf({ tensors: { w: { dims: [1, 256], type, data } } });
    expect(() => openWeights(file).tensors.get("w")!.read()).toThrow(
      /tensor "w": block 0 of \w+: weight \d+ has the bits 11/,
    );
  });

  it("are taken as they are by a network described by hand", () => {
    const data = Uint8Array.from([...repeated("18 61 86", 64), 0, 0x34]);
    const file = writeGguf({
      tensors: { "fc.weight": { dims: [2, 256], type: 35, data: Uint8Array.from([...data, ...data]) } },
    });
    const arch = {
      input: { shape: [256], quantizer: { bits: 8, signed: true, scale: 1 } },
      layers: [{ op: "dense", name: "fc" }],
    };
    const { graph, format } = readCheckpoint(file, {}, JSON.stringify(arch));
    expect(format).toBe("gguf");
    const layer = graph.nodes.find((node) => node.op === "dense")!;
    expect(layer.weights).toMatchObject({ found: "bare", bits: 2, scale: Float64Array.of(0.25) });
    expect([...layer.weights.codes]).toEqual([...PATTERN, ...PATTERN]);
  });
});

/** The second block of I2_S's pattern goes on where the first one ends: 128 is no multiple of 3. */
function secondHalf(): number[] {
  return Array.from({ length: 32 }, (_, m) => {
    return [0, 1, 2, 3].reduce((byte, k) => byte | ((PATTERN[128 + m + 32 * k]! + 1) << (6 - 2 * k)), 0);
  });
}

/**
 * What blocks stand for, in the order in which ggml goes through them (dequantize_row_* of ggml-quants.c), in f32. The numbers of gguf 0.19.0 (PyPI) were the same for 64
 * random blocks of each type.
 */
const { fround } = Math;
type Define = (byte: (i: number) => number) => number[];
const half = (byte: (i: number) => number, at: number) => halfToNumber(byte(at) | (byte(at + 1) << 8));
const signed = (x: number) => (x << 24) >> 24;
const DEFINITIONS: Record<number, Define> = {
  2(byte) {
    const qs = Array.from({ length: 16 }, (_, j) => byte(2 + j));
    return [...qs.map((q) => q % 16), ...qs.map((q) => q >> 4)].map((q) => half(byte, 0) * (q - 8));
  },
  3(byte) {
    const qs = Array.from({ length: 16 }, (_, j) => byte(4 + j));
    return [...qs.map((q) => q % 16), ...qs.map((q) => q >> 4)].map((q) => fround(half(byte, 0) * q + half(byte, 2)));
  },
  8: (byte) => Array.from({ length: 32 }, (_, j) => half(byte, 0) * signed(byte(2 + j))),
  12(byte) {
    const y: number[] = [];
    const scale = (j: number) => (j < 4 ? byte(4 + j) & 63 : (byte(8 + j) & 15) | ((byte(j) >> 6) << 4));
    const least = (j: number) => (j < 4 ? byte(8 + j) & 63 : (byte(8 + j) >> 4) | ((byte(4 + j) >> 6) << 4));
    for (let pair = 0; pair < 4; pair++) {
      for (const part of [0, 1]) {
        for (let l = 0; l < 32; l++) {
          const q = byte(16 + 32 * pair + l);
          const is = 2 * pair + part;
          y.push(fround(half(byte, 0) * scale(is) * (part ? q >> 4 : q & 15) - half(byte, 2) * least(is)));
        }
      }
    }
    return y;
  },
  14(byte) {
    const y: number[] = Array(256);
    for (const n of [0, 1]) {
      for (let l = 0; l < 32; l++) {
        const [a, b, h] = [byte(64 * n + l), byte(64 * n + l + 32), byte(128 + 32 * n + l)];
        const qs = [
          (a & 15) | ((h & 3) << 4),
          (b & 15) | (((h >> 2) & 3) << 4),
          (a >> 4) | (((h >> 4) & 3) << 4),
          (b >> 4) | ((h >> 6) << 4),
        ];
        for (const [k, q] of qs.entries()) {
          const scale = signed(byte(192 + 8 * n + Math.floor(l / 16) + 2 * k));
          y[128 * n + 32 * k + l] = fround(half(byte, 208) * scale * (q - 32));
        }
      }
    }
    return y;
  },
};

it.each(Object.keys(DEFINITIONS).map(Number))("blocks of type %i stand for what ggml says", (type) => {
  const { bytes, weights, name } = BLOCKS[type]!;
  const [blocks, next] = [9, mulberry32(type)];
  const data = Uint8Array.from({ length: blocks * bytes }, () => Math.floor(256 * next()));
  const halves = { 2: [0], 3: [0, 2], 8: [0], 12: [0, 2], 14: [208] }[type]!;
  for (let i = 0; i < blocks; i++) for (const at of halves) data[i * bytes + at + 1]! &= 0xbf; // finite
  const file = writeGguf({ tensors: { w: { dims: [blocks, weights], type, data } } });
  const expected = Array.from({ length: blocks }, (_, i) => DEFINITIONS[type]!((at) => data[i * bytes + at]!)).flat();
  expect(
    [...openWeights(file).tensors.get("w")!.read()].map((w) => w + 0),
    name,
  ).toEqual(expected.map((w) => w + 0));
});

const one = (changes: Partial<Given> & { tensor?: Partial<Stored> } = {}) => {
  const tensor = { ...floats([2], [1, 2]), ...changes.tensor };
  return writeGguf({ tensors: { a: tensor }, ...changes });
};

describe("what is refused", () => {
  it.each<[string, Uint8Array, string]>([
    ["version 1", one({ version: 1 }), "GGUF, byte 4: version 1, expected 2 or 3"],
    ["big-endian numbers", one({ version: 3 << 24 }), "big-endian, expected 2 or 3, little-endian"],
    ["2^64 − 1 tensors", one().fill(255, 8, 16), "18446744073709551615 tensors, expected at most"],
    ["five axes", one({ tensor: { dims: [1, 1, 1, 1, 2] } }), '"a" has 5 axes, expected at most 4'],
    ["a shape whose product wraps", one({ tensor: { dims: [2 ** 40, 2 ** 40] } }), "impossible shape"],
    ["more weights than bytes", one({ tensor: { dims: [3000] } }), "32 bytes, expected 12000 for 3000 weights as F32"],
    [
      "more bytes than weights",
      one({ tensor: { data: new Uint8Array(64) } }),
      "64 bytes, expected 8 for 2 weights as F32",
    ],
    [
      "rows of no whole blocks",
      one({ tensor: { dims: [40], type: 2 } }),
      "rows of 40 as Q4_0, expected a multiple of 32",
    ],
    ["a place beyond the end", one({ offsets: [2 ** 20] }).subarray(0, 200), "but the file has 200 bytes"],
    ["a place that is not aligned", one({ offsets: [8] }), "begins at byte 8 of the data, expected a multiple of 32"],
    [
      "an alignment of 3",
      one({ facts: { "general.alignment": number(3) } }),
      "general.alignment 3, expected a power of two",
    ],
    ["a fact of an unknown type", one({ facts: { x: [13, []] } }), "a value of type 13"],
    [
      "arrays within arrays",
      one({
        facts: {
          x: [
            9,
            Array(6)
              .fill([...u32(9), 1, 0, 0, 0, 0, 0, 0, 0])
              .flat(),
          ],
        },
      }),
      "arrays in at most 4 others",
    ],
    [
      "an array longer than the file",
      one({ facts: { x: [9, [...u32(0), ...Array(8).fill(255)]] } }),
      "18446744073709551615 entries, but",
    ],
    [
      "two tensors at one place",
      writeGguf({ tensors: { a: floats([2], [1, 2]), b: floats([2], [1, 2]) }, offsets: [0, 0] }),
      'tensor "a": 0 bytes, expected 8',
    ],
  ])("%s", (_, file, why) => {
    const open = () => openWeights(file);
    expect(open).toThrow(CheckpointError);
    expect(open).toThrow(why);
  });

  it.each<[number, string]>([
    [38, "stored as TL1, whose tiles depend on the kernel that it was made for"],
    [39, "stored as MXFP4 or TL2, whose tiles"],
    [10, "stored as Q2_K, expected F32"],
    [99, "stored as type 99, expected F32"],
  ])("weights of type %i, when they are read", (type, why) => {
    const file = one({ tensor: { type } });
    const { tensors, notes } = openWeights(file);
    expect(notes[1]).toContain("1 of 1 tensors are stored as");
    expect(() => tensors.get("a")!.read()).toThrow(CheckpointError);
    expect(() => tensors.get("a")!.read()).toThrow(why);
  });

  it("a type whose number another has, by its bytes", () => {
    // 36 was IQ4_NL_4_4 once: 18 bytes for 32 weights
    const file = one({ tensor: { type: 36, dims: [1, 256], data: new Uint8Array(144) } });
    expect(() => openWeights(file)).toThrow("160 bytes, expected 96 for 256 weights as I2_S");
  });

  it("weights that are no numbers", () => {
    const file = one({ tensor: floats([2], [1, Number.NaN]) });
    expect(() => openWeights(file).tensors.get("a")!.read()).toThrow(
      'tensor "a": element 1 is NaN, expected a finite number',
    );
  });
});

hostile("GGUF", FILE, (file) => {
  for (const { read } of openWeights(file).tensors.values()) read();
});

/** Bytes of a file that is larger than what may be in memory; `npm run test:gguf` takes five billion. */
const BYTES = Number(process.env.TERN_GGUF_BYTES ?? 2 ** 26);

it(`a file of ${BYTES} bytes is read tensor by tensor`, { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tern-gguf-"));
  const path = join(folder, "large.gguf");
  try {
    const weights = 2 ** 22;
    const count = Math.floor(BYTES / (4 * weights));
    const entry = { dims: [1024, 4096], type: F32, data: new Uint8Array(0) };
    const tensors = Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, entry]));
    const { header } = ggufHeader({
      tensors,
      offsets: Array.from({ length: count }, (_, i) => 4 * weights * i),
    });
    const file = openSync(path, "w");
    writeSync(file, header);
    writeSync(file, bytesOf(Float32Array.of(7)), 0, 4, header.length + 4 * weights * count - 4);
    ftruncateSync(file, header.length + 4 * weights * count);
    closeSync(file);
    const source = openFileSource(path);
    const before = process.resourceUsage().maxRSS;
    let last = 0;
    for (const { read } of openGguf(source).tensors.values()) last = read().at(-1)!;
    source.close();
    expect(last).toBe(7);
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(1e9);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
