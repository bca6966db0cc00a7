import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { applyNode, type ElementNode, formOf } from "../../host/graph/element.ts";
import { type Form, REAL, realNumber } from "../../host/graph/form.ts";
import type { Link, Source } from "../../host/lower/chain.ts";
import { type MixedChain, makePlane, type Operand } from "../../host/lower/plane.ts";
import { plane } from "../../host/numbers/plane.ts";
import type { IntQuantizer, Quantizer } from "../../host/numbers/quantizer.ts";
import type { Rounding } from "../../host/numbers/round.ts";
import type { Step } from "../../host/numbers/step.ts";
import { Random } from "../graph/random.ts";

const by = (...values: number[]) => Float64Array.from(values);
const int = (bits: number, scale: number[], more: Partial<IntQuantizer> = {}): Quantizer => {
  return {
    kind: "int",
    scale: by(...scale),
    zero: by(0),
    bits,
    signed: true,
    narrow: false,
    rounding: "ROUND",
    ...more,
  };
};
const SIGN: Quantizer = { kind: "bipolar", scale: by(1) };
const add = (...values: number[]): Step => ({ kind: "add", by: by(...values) });
const mul = (...values: number[]): Step => ({ kind: "mul", by: by(...values) });
const norm = (...gamma: number[]): Step => {
  return { kind: "batchnorm", mean: by(3.3), variance: by(2.7), epsilon: 1e-5, gamma: by(...gamma), beta: by(-0.4) };
};

const CHANNELS = 2;

function linksOf(nodes: (Step | Quantizer)[], form: Form): Link[] {
  return nodes.map((each, i) => {
    const base = { name: `node ${i}`, inputs: [""], output: "", channels: CHANNELS };
    const node = ("bits" in each || each.kind === "bipolar"
      ? { ...base, op: "quantize", quantizer: each }
      : { ...base, op: "step", step: each }) as unknown as ElementNode;
    const from = form;
    form = formOf(node, from);
    return { node, from, to: form };
  });
}

interface Case {
  /** Accumulators, from the least to the greatest, and what one counts. */
  accs: [min: number, max: number, unit: number];
  codes: [min: number, max: number, scale: number];
  /** Behind accumulators, behind codes, and behind their sum up to the quantizer. */
  before?: Step[];
  other?: Step[];
  behind?: Step[];
  to: Quantizer;
  offset?: number[];
}

function chainOf({ accs, codes, before = [], other = [], behind = [], to, offset = [0] }: Case): MixedChain {
  const source = (min: number, max: number, unit: number): Source => {
    return { min: by(min), max: by(max), start: (x) => x * unit, uniform: true };
  };
  const form: Form = { kind: "codes", scale: by(codes[2]), min: by(codes[0]), max: by(codes[1]), bipolar: false };
  const operand = (source: Source, links: Link[], form: Form): Operand => {
    return { source, links, form: links.at(-1)?.to ?? form };
  };
  const sum = { op: "add", name: "sum", inputs: ["a", "b"], output: "s", channels: CHANNELS } as const;
  const operands = [
    operand(source(...accs), linksOf(before, REAL), REAL),
    operand(source(codes[0], codes[1], 1), linksOf(other, form), form),
  ] as const;
  return {
    channels: CHANNELS,
    sum: { ...sum, inputs: [...sum.inputs] },
    operands,
    links: linksOf([...behind, to], REAL),
    offset,
  };
}

/** The stored code of every pair, by the numbers of the graph. */
function expected({ operands, links, offset }: MixedChain, x: number, code: number, channel: number): number {
  const [a, b] = [x, code].map((element, i) => {
    const { source, links, form } = operands[i]!;
    const number = links.reduce(
      (y, { node, from, to }) => applyNode(node, from, to, y, channel),
      source.start(element, channel),
    );
    return realNumber(form, number, channel);
  });
  return (
    links.reduce((y, { node, from, to }) => applyNode(node, from, to, y, channel), a! + b!) -
    (offset[channel] ?? offset[0]!)
  );
}

function expectEvery(each: Case): void {
  const chain = chainOf(each);
  const post = makePlane(chain, { left: 1e9 });
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let code = each.codes[0]; code <= each.codes[1]; code++) {
      for (let x = each.accs[0]; x <= each.accs[1]; x++) {
        const found = plane(post, channel, x, code);
        if (found !== expected(chain, x, code, channel)) {
          expect.fail(`channel ${channel}, ${x} and ${code}: ${found}, expected ${expected(chain, x, code, channel)}`);
        }
      }
    }
  }
}

const third = Math.fround(1 / 3);
const accs: Case["accs"] = [-300, 400, Math.fround(0.0123)];
const codes: Case["codes"] = [-8, 7, third];

describe("a plane gives the code of every accumulator and code", () => {
  it.each<[string, Case]>([
    ["as trained", { accs, codes, to: int(4, [0.4]) }],
    ["of one scale per channel", { accs, codes, to: int(8, [0.0417, 0.029]) }],
    ["behind a batch norm", { accs, codes, before: [norm(0.7, -1.3)], to: int(4, [0.4]) }],
    [
      "of which a channel does not change with the accumulator",
      { accs, codes, before: [norm(0, 1)], to: int(4, [0.4]) },
    ],
    ["with a batch norm behind the sum", { accs, codes, behind: [norm(0.7, -1.3)], to: int(4, [0.4]) }],
    ["with affine steps behind the codes", { accs, codes, other: [mul(1.7), add(0.3, -2)], to: int(4, [0.4]) }],
    ["through a ReLU", { accs, codes, behind: [{ kind: "relu" }], to: int(4, [0.3], { signed: false }) }],
    ["of a ReLU that is moved", { accs, codes, behind: [{ kind: "relu" }, norm(0.7, -1.3)], to: int(6, [0.1]) }],
    [
      "between bounds",
      {
        accs,
        codes,
        behind: [
          { kind: "min", by: by(1.1, 2) },
          { kind: "max", by: by(-0.7) },
        ],
        to: int(6, [0.1]),
      },
    ],
    ["to ±1", { accs, codes, before: [add(0.1, -3)], to: SIGN }],
    ["to ±1 at 0 itself", { accs: [-20, 20, 0.5], codes: [-8, 7, 0.25], to: SIGN }],
    ["of tiny numbers to ±1", { accs: [-20, 20, 1e-200], codes: [-8, 7, 3.3e-201], to: SIGN }],
    [
      "of unsigned 8 bits",
      {
        accs: [0, 5000, Math.fround(0.00123)],
        codes: [0, 255, Math.fround(0.0241)],
        to: int(8, [0.03], { signed: false }),
      },
    ],
    ["counted from the least code", { accs, codes, to: int(8, [0.05], { zero: by(-20) }), offset: [-108] }],
    ["of a negative scale", { accs, codes: [-8, 7, -third], to: int(5, [-0.4]) }],
    ["that never change", { accs, codes, to: int(4, [1e9]) }],
    ["far beyond the last code", { accs: [-1000, 1000, 1e5], codes, to: int(2, [1]) }],
    ["of one accumulator", { accs: [3, 3, 0.1], codes, to: int(4, [0.4]) }],
  ])("%s", (_, each) => expectEvery(each));

  it.each<[Rounding, Partial<IntQuantizer>]>([
    ["ROUND", {}],
    ["FLOOR", {}],
    ["CEIL", {}],
    ["DOWN", { signed: false }],
    ["UP", { signed: false }],
    ["HALF_UP", { signed: false }],
    ["HALF_DOWN", { signed: false }],
  ])("at ties, which powers of two make, rounded by %s", (rounding, more) => {
    const dyadic = { accs: [-40, 40, 0.25], codes: [-8, 7, 0.5] } as const;
    expectEvery({ accs: [...dyadic.accs], codes: [...dyadic.codes], to: int(5, [1], { rounding, ...more }) });
    expectEvery({
      accs: [...dyadic.accs],
      codes: [...dyadic.codes],
      behind: [mul(-1, 1)],
      to: int(5, [2], { rounding, ...more }),
    });
  });

  it("of 60 that are drawn", () => {
    const random = new Random(7);
    const real = () => (random.unit() - 0.5) * 4;
    for (let i = 0; i < 60; i++) {
      const steps = () =>
        Array.from({ length: random.int(0, 2) }, () =>
          random.pick([add(real(), real()), mul(real(), real()), norm(real(), real())]),
        );
      expectEvery({
        accs: [-random.int(0, 200), random.int(0, 400), real()],
        codes: [-random.int(0, 8), random.int(0, 20), real()],
        ...{ before: steps(), other: steps(), behind: steps() },
        to: random.chance(0.2)
          ? SIGN
          : int(random.int(1, 8), [Math.abs(real()) + 0.01], {
              signed: random.chance(0.5),
              rounding: random.pick(["ROUND", "FLOOR", "CEIL"]),
            }),
      });
    }
  });
});

describe("what no plane gives is refused", () => {
  it.each<[string, Case, string, Case]>([
    [
      "ties that floats break",
      { accs: [-60, 60, 0.05], codes: [-8, 7, 0.1], to: int(8, [0.1]) },
      "no plane tells accumulator and code",
      { accs: [-60, 60, 0.0625], codes: [-8, 7, 0.125], to: int(8, [0.125]) },
    ],
    [
      "ties that are rounded toward zero on both sides of it",
      { accs: [-60, 60, 0.25], codes: [-8, 7, 0.5], to: int(8, [1], { rounding: "DOWN" }) },
      "no plane tells accumulator and code",
      { accs: [-60, 60, 0.25], codes: [-8, 7, 0.5], to: int(8, [1]) },
    ],
    [
      "a bend before the sum",
      { accs, codes, before: [{ kind: "relu" }], to: int(4, [0.4]) },
      '"node 0", next to it, bends what is a plane of accumulators and codes',
      { accs, codes, behind: [{ kind: "relu" }], to: int(4, [0.4]) },
    ],
    [
      "a power behind the sum",
      { accs, codes, behind: [{ kind: "pow", by: by(3) }], to: int(4, [0.4]) },
      "bends what is a plane",
      { accs, codes, to: int(4, [0.4]) },
    ],
    [
      "sums that 64 bits do not hold",
      { accs: [-300, 400, 1e30], codes, to: int(4, [0.4]) },
      "codes large in channel 0. Instead: at most 2^60",
      { accs: [-300, 400, 1e3], codes, to: int(4, [0.4]) },
    ],
    [
      "numbers that are not finite",
      { accs, codes, before: [mul(1e300), mul(1e300)], to: int(4, [0.4]) },
      "becomes",
      { accs, codes, before: [mul(1e300), mul(1e-300)], to: int(4, [0.4]) },
    ],
  ])("%s", (_, each, why, followed) => {
    const work = () => makePlane(chainOf(each), { left: 1e9 });
    expect(work).toThrow(UnsupportedError);
    expect(work).toThrow(why);
    expectEvery(followed);
  });

  it("looking at more than is allowed", () => {
    const chain = chainOf({ accs: [-(2 ** 30), 2 ** 30, 2 ** -22], codes: [-128, 127, third], to: int(8, [0.4]) });
    expect(() => makePlane(chain, { left: 1e5 })).toThrow("finding its steps in all channels takes up to");
  });
});
