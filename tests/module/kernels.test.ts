import { expect, it } from "vitest";
import { PACKING } from "../../host/blob/layout.ts";
import { packedBytes, packingOf, WEIGHTS } from "../../host/blob/pack/pack.ts";
import { headBytesOf, writeBlob } from "../../host/blob/write.ts";
import type { ActivationDtype, DenseOp, PackingName, Program, WeightDtype } from "../../host/program.ts";
import { rowStride } from "../../host/shape.ts";
import { Random } from "../graph/random.ts";
import { ALL_SEEDS } from "../seeds.ts";
import { describeModules, packingsOf } from "../variants.ts";
import { expectReference, expectSame } from "./agree.ts";
import { machine, seal } from "./machine.ts";
import { elements, inputsOf, programOf, RANGE, WEIGHT_DTYPES, weights } from "./programs.ts";

/** One lane; the words of 10, 16, 32 (and 4, 8) lanes, two and four of them, and each side of those edges; many. */
const INPUTS = ALL_SEEDS
  ? [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1024]
  : [1, 4, 7, 9, 16, 17, 31, 33, 65, 129, 260];
/** Of rows by panels. */
const BLOCK_INPUTS = ALL_SEEDS ? [1, 16, 33, 81, 129, 700] : [1, 33, 129, 700];
const OUTPUTS = [1, 3, 8, 9, 17];

/** Rows one at a time, and by panels: of two, of blocks of 64, and each side of those edges. */
const ROWS = ALL_SEEDS ? [1, 3, 4, 5, 64, 65] : [1, 3, 4, 65];

/** Weights in every packing that a module runs, and their inputs. */
function pairsOf(module: Uint8Array) {
  const packings = packingsOf(module);
  return WEIGHT_DTYPES.flatMap((dtype) =>
    WEIGHTS[dtype].packings
      .filter(({ name }) => packings.includes(name))
      .flatMap(({ name }) => inputsOf(dtype).map((input) => [dtype, name, input] as const)),
  );
}

/** A dense op without post, and the program that gives its sums. */
function denseOf(dtype: WeightDtype, packing: PackingName, codes: Int8Array, output = 1): DenseOp {
  return { kind: "dense", inputs: [0], output, dtype, packing, weights: codes };
}

function sumsOf(input: ActivationDtype, inputs: number, dense: DenseOp): Program {
  const sums: [ActivationDtype, number] = ["i32", dense.weights.length / inputs];
  return programOf([[input, inputs], sums], [dense]);
}

/** Dense ops without post: random weights for each number of output channels, then all weights at either end, and at both in turn. */
function denseOps(dtype: WeightDtype, packing: PackingName, inputs: number, random: Random): DenseOp[] {
  const ends = weights(dtype, 4 * inputs, random, (min, max, i) => {
    const row = Math.floor(i / inputs);
    return row === 0 ? min : row === 1 ? max : (row + i) % 2 ? min : max;
  });
  return [...OUTPUTS.map((outputs) => weights(dtype, outputs * inputs, random)), ends].map((codes, i) =>
    denseOf(dtype, packing, codes, i + 1),
  );
}

/** A row of each: least, greatest, both in turn, random. */
function extremeRows(dtype: ActivationDtype, channels: number, random: Random): number[] {
  const [min, max] = RANGE[dtype];
  const row = (element: (i: number) => number) => Array.from({ length: channels }, (_, i) => element(i));
  return [
    ...row(() => min),
    ...row(() => max),
    ...row((i) => (i % 2 ? max : min)),
    ...elements(dtype, 2 * channels, random),
  ];
}

describeModules("kernels", (engine, module) => {
  const pairs = pairsOf(module);

  it.each(pairs)("%s in %s × %s", async (dtype, packing, input) => {
    for (const inputs of INPUTS) {
      const random = new Random(inputs);
      const outputs = [...OUTPUTS, 4].map((channels): [ActivationDtype, number] => ["i32", channels]);
      const program = programOf([[input, inputs], ...outputs], denseOps(dtype, packing, inputs, random));
      await expectReference(program, engine, module, [
        [extremeRows(input, inputs, random)],
        [elements(input, inputs, random)],
        [elements(input, 2 * inputs, random)],
      ]);
    }
  });

  it.each(pairs)("%s in %s × %s: blocks of rows", async (dtype, packing, input) => {
    for (const inputs of BLOCK_INPUTS) {
      const random = new Random(inputs);
      const ops = denseOps(dtype, packing, inputs, random).slice(-2); // 17 channels, and the ends
      ops.forEach((op, i) => {
        op.output = i + 1;
      });
      const program = programOf(
        [
          [input, inputs],
          ["i32", 17],
          ["i32", 4],
        ],
        ops,
        { maxRows: 65 },
      );
      const ends = extremeRows(input, inputs, random);
      const batches = ROWS.map((rows) => [[...ends, ...elements(input, 65 * inputs, random)].slice(0, rows * inputs)]);
      await expectReference(program, engine, module, batches, { ways: ["resident"] });
    }
  });

  // Codes of 4 bits, the least and greatest of them, and one code that has more.
  it.each(pairs.filter(([, , input]) => input !== "bit"))(
    "%s in %s × %s, small codes",
    async (dtype, packing, input) => {
      const [min, max] = input === "i8" ? [-16, 15] : [0, 15];
      for (const inputs of [1, 9, 64, 65, 200]) {
        const random = new Random(inputs);
        const program = sumsOf(input, inputs, denseOf(dtype, packing, weights(dtype, 4 * inputs, random)));
        const small = Array.from({ length: inputs }, () => random.int(min, max));
        const rows = [small, small.map(() => min), small.map(() => max), small.with(-1, 16)];
        if (input === "i8") rows.push(small.with(-1, -17));
        await expectReference(program, engine, module, [[rows.flat()]]);
      }
    },
  );

  // The most products of the greatest size that an int32 holds, both ways, and the most channels.
  it.each<[WeightDtype, number, ActivationDtype, number, number, PackingName?]>([
    ["int2", 1, "i8", -128, 90_001, "field2x16"], // a window has 2^16 inputs, or 40
    ["int2", 1, "u8", 255, 90_001, "field2x16"],
    ["int8", -128, "u8", 255, 65_793], // −2147483520
    ["int8", 127, "u8", 255, 66_311],
    ["int8", -128, "i8", -128, 131_071], // 2147467264
    ["int8", 127, "i8", -128, 132_104],
    ["int4", -8, "u8", 255, 2 ** 20],
    ["int4", -8, "i8", -128, 2 ** 20],
    ["int4", 7, "u8", 255, 340_000], // sixteen-fold, the sum of a lane wraps once, if at all
    ["int3", -4, "i8", -128, 2 ** 20],
    ["int2", -2, "u8", 255, 2 ** 20],
    ["ternary", -1, "i8", -128, 2 ** 20],
    ["binary", -1, "u8", 255, 2 ** 20],
    ["binary", -1, "bit", 1, 2 ** 20],
  ])("%s, all %i, × %s, all %i: %i inputs", async (dtype, weight, input, element, inputs, packing) => {
    if (packing && !packingsOf(module).includes(packing)) return;
    const { name, groupChannels } = packingOf({ dtype, ...(packing && { packing }) });
    const weights = new Int8Array(groupChannels * inputs).fill(weight);
    const program = sumsOf(input, inputs, denseOf(dtype, name, weights));
    expect(Math.abs(inputs * weight * element)).toBeLessThan(2 ** 31);
    const rows = (count: number) => [new Int32Array(count * inputs).fill(element)];
    await expectReference(program, engine, module, [rows(1), rows(5)], { ways: ["resident"] });
  });

  // Sums inside a kernel's windows grow most where weights follow the signs of the codes, or run against them; also of codes of few bits.
  it("weights that follow the codes, and those that run against them: 20,011 inputs", async () => {
    const inputs = 20_011;
    for (const [dtype, packing, input] of pairs) {
      const { min, max } = WEIGHTS[dtype];
      const { groupChannels } = packingOf({ dtype, packing });
      const follow = (up: number, down: number) => Int8Array.from({ length: inputs }, (_, k) => (k % 2 ? up : down));
      const both = repeated([follow(max, min), follow(min, max)], Math.max(2, groupChannels));
      const program = sumsOf(input, inputs, denseOf(dtype, packing, both));
      const [least, greatest] = RANGE[input];
      const turns = (low: number, high: number) => Int32Array.from({ length: inputs }, (_, k) => (k % 2 ? high : low));
      const few = input === "bit" ? [] : [turns(0, 30), turns(0, 14)];
      for (const row of [turns(least, greatest), ...few]) {
        await expectReference(program, engine, module, [[row]], { ways: ["resident"] });
      }
    }
  });

  // Fields of two bits by tables (assembly/kernels/common/quads.ts): quads and blocks of inputs, windows of sums of 16 bits, lines of 16 rows, bands of 2,048 channels.
  const isTabled = (packing: PackingName) => packing === "field2" && packingsOf(module).includes("pair4");
  it.each(pairs.filter(([, packing]) => isTabled(packing)))(
    "%s in %s × %s: many rows and channels",
    async (dtype, packing, input) => {
      const sizes: [inputs: number, channels: number][] = [
        ...(ALL_SEEDS ? [1, 3, 4, 31, 33, 64, 130, 500] : [3, 33, 130]).map((inputs): [number, number] => [
          inputs,
          385,
        ]),
        ...[[5, 127] as [number, number], [9, 2051] as [number, number]],
      ];
      for (const [inputs, channels] of sizes) {
        const random = new Random(inputs);
        const { min, max } = WEIGHTS[dtype];
        const some = weights(dtype, channels * inputs, random);
        some.fill(min, 0, inputs).fill(max, inputs, 2 * inputs);
        const ends = weights(dtype, channels * inputs, random, (least) => least); // without the greatest
        const programs = [
          sumsOf(input, inputs, denseOf(dtype, packing, some)),
          sumsOf(input, inputs, denseOf(dtype, packing, ends)),
          sumsOf(input, inputs, { ...denseOf(dtype, packing, some), tileChannels: Math.min(384, channels) }),
        ];
        const rows = [...extremeRows(input, inputs, random), ...elements(input, 65 * inputs, random)];
        const few = channels > 2000 || inputs > 200 ? [16, 31] : [9, 16, 31];
        const counts = ALL_SEEDS && few.length > 2 ? [9, 10, 13, 14, 16, 17, 31, 65] : few;
        const batches = counts.map((count) => [rows.slice(0, count * inputs)]);
        for (const program of programs) {
          await expectReference({ ...program, maxRows: 65 }, engine, module, batches, { ways: ["resident"] });
        }
      }
    },
  );

  it.each([1, 3, 8, 16, 17])("tiles of %i channels", async (tileChannels) => {
    const random = new Random(tileChannels);
    for (const [dtype, packing, input] of pairs) {
      const [inputs, outputs] = [33, 17];
      if (tileChannels < outputs && tileChannels % packingOf({ dtype, packing }).groupChannels) continue;
      const dense = denseOf(dtype, packing, weights(dtype, inputs * outputs, random));
      const program = sumsOf(input, inputs, { ...dense, tileChannels });
      await expectReference(program, engine, module, [
        [elements(input, 5 * inputs, random)],
        [elements(input, inputs, random)],
      ]);
    }
  });

  it.each(pairs)(
    "%s in %s × %s: what lies behind the last lane does not count, and any field does",
    async (dtype, packing, input) => {
      const at = await machine(engine, module, 2 ** 20);
      const sizes = INPUTS.map((inputs): [number, number] => [inputs, 3]);
      if (isTabled(packing)) sizes.push([37, 385], ...(ALL_SEEDS ? [[600, 385] as [number, number]] : []));
      for (const [inputs, channels] of sizes) {
        const random = new Random(inputs);
        const dense = denseOf(dtype, packing, weights(dtype, channels * inputs, random));
        const program = { ...sumsOf(input, inputs, dense), maxRows: 16 };
        const blob = writeBlob(program);
        const headBytes = headBytesOf(program, 1);
        const row = elements(input, inputs, random);
        /** Sums of the same row `rows` times, whose memory was full of `padding`. */
        const run = (bytes: Uint8Array, padding: number, rows: number) => {
          at.memory().set(bytes, 16);
          const arena = 16 + bytes.length;
          const workBytes = program.arena.perRow * rows + at.plan(16, bytes.length, rows);
          expect(at.open(16, bytes.length, arena, workBytes, rows)).toBe(0);
          at.memory().fill(padding, arena, arena + program.arena.perRow * rows);
          for (let r = 0; r < rows; r++) {
            const slot = at.memory().subarray(arena + r * rowStride(program.tensors[0]!));
            for (let c = 0; c < inputs; c++) {
              if (input === "bit")
                slot[c >> 3] = row[c]! < 0 ? slot[c >> 3]! | (1 << (c & 7)) : slot[c >> 3]! & ~(1 << (c & 7));
              else slot[c] = row[c]!;
            }
          }
          expect(at.invoke(0, 1, rows)).toBe(0);
          const sums = arena + program.tensors[1]!.perRow * rows;
          return Array.from({ length: rows }, (_, r) => {
            const from = sums + r * rowStride(program.tensors[1]!);
            return new Int32Array(at.memory().slice(from, from + 4 * channels).buffer);
          });
        };
        const dirty = padded(blob, headBytes, packing, inputs, channels);
        const [expected] = run(blob, 0, 1);
        for (const rows of [1, 5, 16]) {
          for (const found of run(dirty, 0, rows)) {
            expectSame(found, expected!, `ones behind ${inputs} weights, ${rows} rows`);
          }
          for (const found of run(blob, 0xff, rows)) {
            expectSame(found, expected!, `ones behind ${inputs} inputs, ${rows} rows`);
          }
        }
        if (!packing.startsWith("field")) continue; // what else a byte may hold, others do not define
        const ones = seal(
          blob.slice().fill(0xff, headBytes, headBytes + packedBytes(packingOf(dense), channels, inputs)),
          headBytes,
          1,
        );
        const [one] = run(ones, 0, 1);
        for (const rows of [5, 16]) {
          for (const found of run(ones, 0, rows)) expectSame(found, one!, `fields of ones, ${inputs} inputs`);
        }
      }
    },
  );
});

/** `count` channels, in turn like the given ones. */
function repeated(channels: Int8Array[], count: number): Int8Array {
  const weights = new Int8Array(count * channels[0]!.length);
  for (let c = 0; c < count; c++) weights.set(channels[c % channels.length]!, c * channels[0]!.length);
  return weights;
}

/** A blob whose only tile has ones in all bits that stand for no weight. */
function padded(
  blob: Uint8Array,
  headBytes: number,
  packing: PackingName,
  inputs: number,
  channels: number,
): Uint8Array {
  const bytes = blob.slice();
  if (packing === "pair4") padPair4(bytes.subarray(headBytes), inputs, channels);
  else if (packing === "field2x16") padField2x16(bytes.subarray(headBytes), inputs, channels);
  else if (packing === "trit4") padTrit4(bytes.subarray(headBytes), inputs, channels);
  else padWords(bytes.subarray(headBytes), packing, inputs, channels);
  return seal(bytes, headBytes, 1);
}

function padWords(tile: Uint8Array, packing: PackingName, inputs: number, channels: number): void {
  const bits = packing === "sign128" ? 1 : PACKING[packing];
  const lanes = Math.floor(32 / bits);
  const words = packing === "sign128" ? 4 * Math.ceil(inputs / 128) : Math.ceil(inputs / lanes);
  for (let bit = 0; bit < 32 * channels * words; bit++) {
    const [word, lane] = [(bit >> 5) % words, Math.floor((bit % 32) / bits)];
    if (lane >= lanes || word * lanes + lane >= inputs) tile[bit >> 3]! |= 1 << (bit & 7);
  }
}

/** Bytes of no channel: weights of no input are defined. */
function padTrit4(tile: Uint8Array, inputs: number, channels: number): void {
  for (let at = 0; at < 16 * Math.ceil(inputs / 16); at++) if ((at % 16) >> 2 >= channels) tile[at] = 0xff;
}

/** Nibbles of pair4 of no input, and lanes of no channel. */
function padPair4(tile: Uint8Array, inputs: number, channels: number): void {
  for (let at = 0; at < 64 + 16 * Math.ceil(inputs / 4); at++) {
    const channel = at < 64 ? at >> 2 : at % 16;
    if (channel >= channels) tile[at] = 0xff;
    else if (at >= 64 && 4 * ((at - 64) >> 4) + 2 >= inputs) tile[at]! |= 0xf0;
  }
}

/** Fields of no input, and of no channel. */
function padField2x16(tile: Uint8Array, inputs: number, channels: number): void {
  for (let at = 64; at < 64 + 16 * Math.ceil(inputs / 4); at++) {
    const input = 4 * ((at - 64) >> 4) + (at % 4);
    for (let field = 0; field < 4; field++) {
      const channel = 4 * field + ((at % 16) >> 2);
      if (input >= inputs || channel >= channels) tile[at]! |= 3 << (2 * field);
    }
  }
}
