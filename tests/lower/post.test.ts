import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { formOf } from "../../host/graph/element.ts";
import { type Chain, chainRuns, type Link, storedCode } from "../../host/lower/chain.ts";
import { line, makePost, thresholds } from "../../host/lower/post.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import { requantize } from "../../host/numbers/requantize.ts";
import { ROUND, type Rounding } from "../../host/numbers/round.ts";
import type { Step } from "../../host/numbers/step.ts";
import type { Requantize, Thresholds } from "../../host/program.ts";
import { thresholds as referenceThresholds } from "../../host/reference/thresholds.ts";

const by = (...values: number[]) => Float64Array.from(values);
const SIGN: Quantizer = { kind: "bipolar", scale: by(1) };
const int = (bits: number, signed: boolean, rounding: Rounding = "ROUND", scale = 1): Quantizer => ({
  kind: "int",
  scale: by(scale),
  zero: by(0),
  bits,
  signed,
  narrow: false,
  rounding,
});

/** Accumulators −reach … reach of scale 1, through steps and a quantizer. */
function chain(reach: number, channels: number, steps: Step[], quantizer: Quantizer): Chain {
  const links: Link[] = steps.map((step, i) => ({
    node: { op: "step", step, name: `step ${i}`, inputs: [""], output: "", channels },
    from: { kind: "real" },
    to: { kind: "real" },
  }));
  const node: Link["node"] = { op: "quantize", quantizer, name: "quantizer", inputs: [""], output: "", channels };
  links.push({ node, from: { kind: "real" }, to: formOf(node, { kind: "real" }) });
  const source = { min: by(-reach), max: by(reach), start: (x: number) => x, uniform: true };
  return { channels, source, links, offset: [0] };
}

const code = (post: Thresholds | Requantize, channel: number, x: number) =>
  post.kind === "thresholds" ? referenceThresholds(post, channel, x) : requantize(post, channel, x);

/** Every integer of the range gets the code of the chain. */
function expectExact(c: Chain, post: Thresholds | Requantize): void {
  for (let channel = 0; channel < c.channels; channel++) {
    for (let x = c.source.min[0]!; x <= c.source.max[0]!; x++) {
      if (code(post, channel, x) !== storedCode(c, x, channel)) expect.fail(`channel ${channel}, x = ${x}`);
    }
  }
}

const batchnorm = (gamma: number[], mean: number[], beta: number[]): Step => ({
  kind: "batchnorm",
  mean: by(...mean),
  variance: by(4 - 1e-3),
  epsilon: 1e-3,
  gamma: by(...gamma),
  beta: by(...beta),
});

describe("batch norm before a sign: one threshold", () => {
  const K = 9;
  // y = γ · (a − μ) / 2 + β; the sign changes at μ − 2β/γ
  const cases: [string, number, number, number, number, number, number[]][] = [
    ["γ > 0: a ≥ ceil(thr)", 2, 1.5, 1, -1, 1, [1]], // thr 0.5
    ["γ > 0, thr an integer", 1, 3, 0, -1, 1, [3]],
    ["γ < 0: a ≤ floor(thr)", -2, 1.5, 1, 1, 0, [3]], // thr 2.5
    ["γ < 0, thr an integer", -1, 3, 0, 1, 0, [4]],
    ["γ = 0, β > 0", 0, 3, 0.1, 1, 0, []],
    ["γ = 0, β = 0: sign(0) = +1", 0, 3, 0, 1, 0, []],
    ["γ = 0, β < 0", 0, 3, -0.1, -1, 0, []],
    ["thr beyond K", 1, 10, 0, -1, 0, []],
  ];

  it.each(cases)("%s", (_, gamma, mean, beta, base, ups, steps) => {
    const c = chain(K, 1, [batchnorm([gamma], [mean], [beta])], SIGN);
    const { post } = makePost(c, "i32", "i8");
    expectExact(c, post);
    const used = steps.flatMap((step) => [step, step]); // from −1 to +1 in two units
    expect(post).toMatchObject({ kind: "thresholds", base: Int16Array.of(base), ups: Uint16Array.of(2 * ups) });
    expect([...(post as Thresholds).steps].filter((step) => step < 2 ** 31 - 1)).toEqual(used);
  });

  it("makes a bit of one step", () => {
    const c = chain(K, 2, [batchnorm([2, -2], [1.5, 1.5], [1, 1])], SIGN);
    const { post } = makePost(c, "i32", "bit");
    expect(post).toEqual({
      kind: "thresholds",
      records: 2,
      count: 1,
      base: Int16Array.of(-1, 0),
      ups: Uint16Array.of(1, 0),
      steps: Int32Array.of(1, 3),
    });
  });

  it("stores one record where all channels agree", () => {
    const c = chain(K, 3, [{ kind: "add", by: by(0.25, 0.5, 0.75) }], SIGN);
    expect(makePost(c, "i32", "i8").post).toMatchObject({ records: 1, steps: Int32Array.of(0, 0) });
  });
});

describe.each(Object.keys(ROUND) as Rounding[])("%s", (rounding) => {
  it.each([0.25, -0.25, 0.3, -0.7, 1 / 3])("every accumulator gets its code, slope %d", (slope) => {
    const scaled: Step = { kind: "mul", by: by(slope, slope / 2) };
    for (const quantizer of [int(4, true, rounding), int(4, false, rounding, 0.5), int(8, true, rounding, -1)]) {
      const c = chain(400, 2, [scaled], quantizer);
      const channels = chainRuns(c);
      expectExact(c, thresholds(channels));
      expectExact(c, makePost(c, "i32", "i8").post);
      const lines = [line(channels, "floor"), line(channels, "half-even")];
      for (const post of lines) if (post) expectExact(c, post);
    }
  });
});

/** TensorFlow Lite's 0.3, as a step. */
const TWICE: Step = { kind: "rescale", multiplier: by(1288490189), shift: by(-1), rounding: "double" };

describe("the choice", () => {
  const quarter: Step = { kind: "mul", by: by(0.25) };

  it.each<[string, Chain, string, string]>([
    ["three steps", chain(50, 1, [quarter], int(2, true)), "i32", "thresholds"],
    ["f32 keys", chain(50, 1, [quarter], int(4, true)), "f32", "thresholds"],
    ["a general slope", chain(50, 1, [{ kind: "mul", by: by(0.31) }], int(4, true)), "i32", "requantize floor"],
    ["ties of another slope", chain(50, 1, [{ kind: "mul", by: by(0.3) }], int(4, true)), "i32", "thresholds"],
    ["ties of a power of two", chain(50, 1, [quarter], int(4, true)), "i32", "requantize half-even"],
    [
      "a product rounded twice",
      chain(50, 2, [{ kind: "add", by: by(3, -4) }, TWICE], int(4, true)),
      "i32",
      "requantize half-away",
    ],
    [
      "a product rounded once",
      chain(50, 1, [{ ...TWICE, rounding: "single" }], int(4, true)),
      "i32",
      "requantize floor",
    ],
    ["a falling slope", chain(50, 1, [{ kind: "mul", by: by(-0.31) }], int(4, true)), "i32", "requantize floor"],
    ["a parabola", chain(50, 1, [{ kind: "pow", by: by(2) }, quarter], int(4, false)), "i32", "thresholds"],
  ])("for %s", (_, c, from, kind) => {
    const { post, note } = makePost(c, from as "i32" | "f32", "i8");
    expectExact(c, post);
    expect(post.kind === "thresholds" ? "thresholds" : `requantize ${post.rounding}`).toBe(kind);
    if (post.kind === "thresholds" && post.count > 3 && from === "i32") expect(note).toMatch(/no multiplier/);
    else expect(note).toBeUndefined();
  });

  it("is one for all channels, with what thresholds cost", () => {
    const mixed: Step[] = [
      { kind: "max", by: by(-100, -2) },
      { kind: "mul", by: by(0.3) },
    ];
    const { post, note } = makePost(chain(50, 2, mixed, int(4, true)), "i32", "i8");
    expect(post).toMatchObject({ kind: "thresholds", records: 2, count: 15 });
    expect(note).toBe("no multiplier gives its codes exactly; 15 thresholds per channel take 104 bytes more");
  });
});

describe("codes that are the same for every input", () => {
  it("are noted where all channels have such", () => {
    const relu: Step = { kind: "max", by: by(0) };
    const { post, note } = makePost(chain(50, 2, [relu], SIGN), "i32", "bit");
    expect(post).toMatchObject({ kind: "thresholds", records: 1, ups: Uint16Array.of(0) });
    expect(note).toMatch(/^its codes are the same for every input, /);
    const half: Step = { kind: "max", by: by(0, -100) };
    expect(makePost(chain(50, 2, [half], SIGN), "i32", "bit").note).toBeUndefined();
  });
});

describe("what cannot be folded", () => {
  it.each<[string, Chain, RegExp]>([
    [
      "infinity",
      chain(9, 1, [{ kind: "rdiv", by: by(1) }], SIGN),
      /quantizer.*becomes Infinity in channel 0 for the integer 0/,
    ],
    [
      "infinity between finite numbers",
      chain(
        9,
        2,
        [
          { kind: "mul", by: by(1, 1e308) },
          { kind: "mul", by: by(1e308) },
          { kind: "min", by: by(1) },
        ],
        SIGN,
      ),
      /step 1|min "step 2".*becomes -?Infinity in channel [01]/,
    ],
    ["NaN", chain(9, 1, [{ kind: "pow", by: by(0.5) }], SIGN), /becomes NaN in channel 0 for the integer -9/],
    [
      "a parabola over too much",
      chain(2 ** 23, 1, [{ kind: "pow", by: by(2) }], SIGN),
      /pow "step 0".*neither only rises nor only falls/,
    ],
  ])("%s", (_, c, message) => {
    expect(() => makePost(c, "i32", "i8")).toThrow(UnsupportedError);
    expect(() => makePost(c, "i32", "i8")).toThrow(message);
  });
});
