import { it } from "vitest";
import { fromOrderKey, orderKey } from "../../host/numbers/order.ts";
import { type Facet, planeOf } from "../../host/numbers/plane.ts";
import type { ActivationDtype, Op, Plane, QuantizeOp, Requantize } from "../../host/program.ts";
import { Random } from "../graph/random.ts";
import { describeModules } from "../variants.ts";
import { expectReference } from "./agree.ts";
import {
  elements,
  INT32_MAX,
  INT32_MIN,
  lookup,
  programOf,
  RANGE,
  requantize,
  smallLine,
  type TensorOf,
  thresholds,
  weights,
} from "./programs.ts";

const CODES = ["bit", "u8", "i8"] as const;
const ROUNDINGS = ["floor", "half-even", "half-away"] as const;

/** Integers around zero and around both ends of int32, and some between. */
const INTEGERS = [
  0,
  1,
  2,
  5,
  7,
  8,
  9,
  127,
  128,
  255,
  256,
  65_535,
  2 ** 30,
  2 ** 30 + 1,
  INT32_MAX - 1,
  INT32_MAX,
].flatMap((x) => [x, -x, -x - 1]);

const post = (post: QuantizeOp["post"], tileChannels = 7): Op => ({
  kind: "quantize",
  inputs: [0],
  output: 1,
  post,
  tileChannels,
});

/** An op's post on integers, in every dtype of codes. Each op reads tensor 0 and writes a tensor of its own. */
function postProgram(
  from: ActivationDtype,
  channels: number,
  posts: QuantizeOp["post"][],
  codes: readonly ActivationDtype[] = CODES,
) {
  const tensors: [ActivationDtype, number][] = [[from, channels]];
  const ops: Op[] = [];
  for (const each of posts) {
    for (const dtype of codes) {
      ops.push({ ...post(each), output: tensors.length } as Op);
      tensors.push([dtype, channels]);
    }
  }
  return programOf(tensors, ops);
}

describeModules("posts", (engine, module) => {
  const many = Array.from({ length: 255 }, (_, j) => (j - 100) * 3);
  it.each([
    ["no step", { base: -3 }],
    ["one up", { base: -1, up: [0] }],
    ["one down", { base: 0, down: [1] }],
    ["three up", { base: -1, up: [-8, 0, 127] }],
    ["three down", { base: 200, down: [-1, -1, 256] }],
    ["both ways", { base: 3, up: [-2, 8], down: [0, 128] }],
    ["equal steps", { base: 0, up: [5, 5, 5], down: [5, 5] }],
    ["steps at the ends", { base: 1, up: [INT32_MIN, INT32_MAX - 1], down: [INT32_MIN, INT32_MAX] }],
    ["255 up", { base: 0, up: many }],
    ["255 down", { base: 127, down: many }],
    ["bases that do not fit a byte", { base: -32768, up: many }],
  ])("thresholds: %s", async (_, record) => {
    const program = postProgram("i32", INTEGERS.length, [thresholds(record)]);
    await expectReference(program, engine, module, [[INTEGERS]]);
  });

  it("thresholds: a record per channel, padded to the same count", async () => {
    const random = new Random(1);
    const records = INTEGERS.map((x) => ({
      base: random.int(-128, 127),
      up: Array.from({ length: random.int(0, 3) }, () => x + random.int(-1, 1)).map((step) =>
        Math.max(step, INT32_MIN),
      ),
      down: Array.from({ length: random.int(0, 3) }, () => random.int(INT32_MIN, INT32_MAX)),
    }));
    const program = postProgram("i32", INTEGERS.length, [thresholds(...records)]);
    await expectReference(program, engine, module, [[INTEGERS], [[...INTEGERS, ...INTEGERS.toReversed()]]]);
  });

  it.each(ROUNDINGS)("requantize: %s, every shift", async (rounding) => {
    const random = new Random(2);
    const posts = Array.from({ length: 32 }, (_, shift) => {
      const half = shift > 0 ? 2 ** (shift - 1) : 0;
      const lines = [
        smallLine(1, 0, shift),
        smallLine(-1, half, shift), // ties where x is a multiple of 2^shift
        {
          multiplier: random.int(INT32_MIN, INT32_MAX),
          offset: random.int(INT32_MIN, INT32_MAX),
          low: 0,
          left: 0,
          right: shift,
        },
        { multiplier: 2 ** 30, offset: -1, low: 0, left: shift, right: 4 },
        { multiplier: INT32_MIN, offset: -1, low: 2 ** 16 - 1, left: shift, right: shift },
        {
          multiplier: random.int(INT32_MIN, INT32_MAX),
          offset: 7,
          low: random.int(1, 2 ** 16 - 1),
          left: 31 - shift,
          right: shift,
        },
      ];
      return lines.map((line) => requantize({ lo: -128, hi: 127, rounding }, line));
    }).flat();
    await expectReference(postProgram("i32", INTEGERS.length, posts, ["i8"]), engine, module, [[INTEGERS]]);
  });

  it.each(ROUNDINGS)(
    "requantize: %s, sums at and past both ends of 32 bits, and carries out of the low bits",
    async (rounding) => {
      const posts: Requantize[] = [];
      for (const offset of [INT32_MAX, INT32_MAX - 1, INT32_MIN, INT32_MIN + 1, 2 ** 30]) {
        for (const multiplier of [0, 1, -1, INT32_MAX, INT32_MIN]) {
          for (const right of [0, 1, 30, 31]) {
            for (const low of [0, 1, 2 ** 15, 2 ** 16 - 1]) {
              posts.push(requantize({ lo: -128, hi: 127, rounding }, { multiplier, offset, low, left: 3, right }));
            }
          }
        }
      }
      await expectReference(postProgram("i32", INTEGERS.length, posts, ["i8"]), engine, module, [[INTEGERS]]);
    },
  );

  it.each(ROUNDINGS)("requantize: %s, ties and clamps", async (rounding) => {
    const x = Array.from({ length: 81 }, (_, i) => i - 40);
    const clamps = [
      [0, 255],
      [-128, 127],
      [-1, 1],
      [5, 5],
    ] as const;
    for (const [lo, hi] of clamps) {
      const posts = [0, 1, 2, 3].flatMap((shift) =>
        [1, -1, 3].map((multiplier) => requantize({ lo, hi, rounding }, smallLine(multiplier, 0, shift))),
      );
      const dtypes = CODES.filter((to) => (lo >= 0 || to !== "u8") && (hi <= 127 || to === "u8"));
      await expectReference(postProgram("i32", x.length, posts, dtypes), engine, module, [[x]]);
    }
  });

  it.each(["u8", "i8"] as const)("plane: every shift, with codes of %s", async (codes) => {
    const random = new Random(5);
    const long = () =>
      BigInt.asIntN(64, BigInt(random.int(INT32_MIN, INT32_MAX)) * BigInt(random.int(INT32_MIN, INT32_MAX)) * 2n);
    const ends = [2n ** 63n - 1n, -(2n ** 63n), 0n, 1n, -1n];
    const facets = Array.from({ length: 62 }, (_, i): Facet[] => {
      const [shift, half] = [i + 1, 1n << BigInt(i)];
      const range = { lo: -128, hi: 127, shift };
      return [
        { ...range, multiplier: 1n, second: half, offset: half - 1n }, // ties where x is 0
        { ...range, multiplier: -half, second: half, offset: half - 1n },
        { ...range, multiplier: long(), second: long(), offset: long() },
        { multiplier: random.pick(ends), second: random.pick(ends), offset: random.pick(ends), lo: -7, hi: 9, shift },
        { ...range, multiplier: half << 1n, second: -(half << 2n), offset: -half },
      ];
    }).flat();
    const others = INTEGERS.map((_, i) => RANGE[codes][0] + ((i * 37) % 256));
    for (const to of ["u8", "i8"] as const) {
      const tensors: TensorOf[] = [
        ["i32", INTEGERS.length],
        [codes, INTEGERS.length],
      ];
      const ops = facets.map((facet, i): Op => {
        const own = facet.lo < 0 && to === "u8" ? { ...facet, lo: 0, hi: 255 } : facet;
        tensors.push([to, INTEGERS.length]);
        return { kind: "quantize", inputs: [0, 1], output: 2 + i, post: planeOf([own]) };
      });
      const program = programOf(tensors, ops, { inputs: [0, 1] });
      await expectReference(program, engine, module, [[INTEGERS, others]]);
    }
  });

  it("plane: behind each op that makes sums, a record per channel, in tiles, of pictures and several rows", async () => {
    const random = new Random(6);
    const window = {
      kernelHeight: 2,
      kernelWidth: 1,
      strideY: 1,
      strideX: 1,
      dilationY: 1,
      dilationX: 1,
      padTop: 1,
      padLeft: 0,
    };
    for (const channels of [1, 3, 16, 37]) {
      for (const [codes, to] of [
        ["u8", "i8"],
        ["i8", "u8"],
        ["i8", "i8"],
      ] as const) {
        const facets = Array.from({ length: channels }, (): Facet => {
          const [multiplier, second, offset] = [random.int(-99, 99), random.int(-999, 999), random.int(-999, 999)].map(
            BigInt,
          );
          return {
            multiplier: multiplier!,
            second: second!,
            offset: offset!,
            lo: to === "u8" ? 3 : -100,
            hi: 120,
            shift: 6,
          };
        });
        const dense = weights("ternary", 16 * channels, random);
        const conv = weights("int8", 2 * channels * channels, random);
        const layer = (post: Plane, tileChannels: number): Op[] => [
          { kind: "dense", inputs: [0, 1], output: 2, dtype: "ternary", weights: dense, post, tileChannels },
          {
            kind: "conv2d",
            inputs: [3, 3],
            output: 4,
            window,
            groups: 1,
            pad: 1,
            dtype: "int8",
            weights: conv,
            post,
            tileChannels,
          },
          { kind: "avgpool", inputs: [3, 4], output: 5, window, post, tileChannels },
        ];
        const size: [number, number, number] = [2, 3, channels];
        const tensors: TensorOf[] = [
          ["u8", 16],
          [codes, channels],
          [to, channels],
          [codes, size],
          [to, size],
          [to, size],
        ];
        for (const [post, tile] of [
          [planeOf(facets), channels],
          [planeOf(facets), 16],
          [planeOf([facets[0]!]), channels],
        ] as const) {
          const program = programOf(tensors, layer(post, tile), { inputs: [0, 1, 3], outputs: [2, 5] });
          const batch = (rows: number) =>
            [
              ["u8", 16],
              [codes, channels],
              [codes, 6 * channels],
            ].map(([dtype, count]) => elements(dtype as ActivationDtype, rows * (count as number), random));
          await expectReference(program, engine, module, [batch(1), batch(5)]);
        }
      }
    }
  });

  it.each(["u8", "i8"] as const)("lookup of every %s", async (from) => {
    const all = Array.from({ length: 256 }, (_, i) => RANGE[from][0] + i);
    const random = new Random(3);
    for (const to of CODES) {
      const program = postProgram(from, 256, [lookup(to, random)], [to]);
      await expectReference(program, engine, module, [[all], [[...all, ...all.toReversed()]]]);
    }
  });

  it("quantize of every i16", async () => {
    const all = Array.from({ length: 65_536 }, (_, i) => i - 32_768);
    const posts = [
      thresholds({ base: 0, up: [-32_768, -1, 0, 1, 32_767] }),
      requantize({ lo: 0, hi: 127, rounding: "half-even" }, smallLine(3, 1, 9)),
    ];
    await expectReference(postProgram("i16", all.length, posts), engine, module, [[all]]);
  });

  it("quantize of f32, in the order of the floats", async () => {
    const least = 2 ** -149;
    const floats = [0, least, 2 ** -126, 2 ** -126 - least, 0.5, 1, 1 + 2 ** -23, 3.4028234663852886e38].flatMap(
      (x) => [x, -x],
    );
    const ends = floats.map((x) => thresholds({ base: 0, up: [orderKey(x)] })); // each float is the first to pass its step
    const next = floats.map((x) => thresholds({ base: 1, down: [orderKey(x) + 1] }));
    const neighbours = floats
      .flatMap((x) => [orderKey(x) - 1, orderKey(x) + 1].map(fromOrderKey))
      .filter(Number.isFinite);
    const x = [...floats, ...neighbours];
    await expectReference(postProgram("f32", x.length, [...ends, ...next], ["u8", "bit"]), engine, module, [[x]]);
  });

  it("bits of 1 to 33 channels", async () => {
    const random = new Random(4);
    for (let channels = 1; channels <= 33; channels++) {
      const program = postProgram("i8", channels, [thresholds({ base: -1, up: [0] })], ["bit"]);
      // what a binary layer then makes of them tells whether the padding is 0
      const tensors = program.tensors.map(({ dtype, channels }): [ActivationDtype, number] => [dtype, channels]);
      const dense: Op = {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "binary",
        weights: weights("binary", channels * 2, random),
      };
      const longer = programOf([...tensors, ["i32", 2]], [...program.ops, dense]);
      await expectReference(longer, engine, module, [
        [elements("i8", 5 * channels, random)],
        [elements("i8", channels, random)],
      ]);
    }
  });

  it.each([1, 3, 8, 17])("tiles of %i channels, each with its records", async (tileChannels) => {
    const random = new Random(tileChannels);
    const [inputs, outputs] = [33, 17];
    const steps = () => Array.from({ length: 3 }, () => random.int(-3000, 3000));
    const posts = [
      thresholds(...Array.from({ length: outputs }, () => ({ base: 0, up: steps() }))),
      thresholds({ base: 3, down: steps() }),
      requantize(
        { lo: 0, hi: 15, rounding: "half-even" },
        ...Array.from({ length: outputs }, () => smallLine(random.int(-99, 99), 5000, 10)),
      ),
    ];
    for (const each of posts) {
      const dense: Op = {
        kind: "dense",
        inputs: [0],
        output: 1,
        dtype: "ternary",
        weights: weights("ternary", inputs * outputs, random),
        post: each,
        tileChannels,
      };
      for (const to of CODES) {
        const program = programOf(
          [
            ["u8", inputs],
            [to, outputs],
          ],
          [dense],
        );
        await expectReference(program, engine, module, [[elements("u8", 5 * inputs, random)]]);
      }
    }
  });
});

describeModules("argmax", (engine, module) => {
  const argmax: Op = { kind: "argmax", inputs: [0], output: 1 };
  it.each([
    ["one channel", [5]],
    ["one channel, the least", [INT32_MIN]],
    ["all the least", [INT32_MIN, INT32_MIN]],
    ["ties", [1, 4, 4, -1]],
    ["the last", [INT32_MIN, -1, INT32_MAX]],
    ["many", INTEGERS],
  ])("%s", async (_, acc) => {
    const program = programOf(
      [
        ["i32", acc.length],
        ["i32", 1],
      ],
      [argmax],
    );
    await expectReference(program, engine, module, [[acc], [[...acc.toReversed(), ...acc]]]);
  });

  const extreme = [0n, 1n, -1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];
  it.each<[string, number[], bigint[]]>([
    ["one channel", [7], [-(2n ** 63n)]],
    ["equal", [1, 1, 1], [0n, 0n, 0n]],
    ["made equal by the offset", [1, 2, 0], [3n, 0n, 6n]],
    ["the least there are", [0, 0, 0], [-(2n ** 63n), -(2n ** 63n), -(2n ** 63n)]],
    ["at and past the ends of 64 bits", [INT32_MAX, INT32_MIN, 1, -1, 0, 3], extreme],
  ])("of scores: %s", async (_, multiplier, offset) => {
    const channels = multiplier.length;
    const post = {
      kind: "scores" as const,
      multiplier: Int32Array.from(multiplier),
      offset: BigInt64Array.from(offset),
    };
    for (const tileChannels of [1, 2, channels]) {
      const program = programOf(
        [
          ["i32", channels],
          ["i32", 1],
        ],
        [{ ...argmax, post, tileChannels }],
        { maxRows: INTEGERS.length },
      );
      const acc = INTEGERS.flatMap((x, i) =>
        Array.from({ length: channels }, (_, c) => (c % 2 ? x : INTEGERS[(i + c) % 40]!)),
      );
      await expectReference(program, engine, module, [[acc], [new Array(channels).fill(3)]]);
    }
  });
});
