import {
  type FixedFactor,
  isMultiplier,
  isShift,
  isWithin,
  MAX_SHIFT,
  MIN_SHIFT,
  multiplyFixed,
} from "../../numbers/fixed_point.ts";
import { alike, zip } from "../../numbers/quantizer.ts";
import { type Codes, type Form, isOneScale, REAL, scalar } from "../form.ts";
import type { NodeBase } from "../node.ts";
import { type OpMeaning, realNumbers, unequalShapes } from "./meaning.ts";
import { scaleSums } from "./weights.ts";

/**
 * The sum of two values, element by element: of codes, of one scale or each of one for all channels (`addFactors`); or of codes and sums of a layer (`isMixedSum`), each
 * perhaps with affine steps behind it.
 */
export interface AddNode extends NodeBase {
  op: "add";
  /** What the code of each operand becomes before the sum, in a checkpoint's own fixed point; the sum is a number of no scale then. */
  rescale?: readonly [Rescale, Rescale];
}

/** The code times 2^left, and that times a factor (fixed_point.ts). */
export interface Rescale {
  left: number;
  factor: FixedFactor;
}

function rescaleProblem({ rescale }: AddNode): string | undefined {
  const fits = ({ left, factor: { multiplier, shift } }: Rescale) =>
    isWithin(left, 0, 20) && isMultiplier(multiplier) && isShift(shift);
  const bad = rescale?.find((each) => !fits(each));
  if (!bad) return undefined;
  const { left, factor } = bad;
  return `factor ${factor.multiplier}, shift ${factor.shift} behind ${left}, expected 0 to 2^31 − 1, ${MIN_SHIFT} to ${MAX_SHIFT}, 0 to 20`;
}

/** What a code becomes. */
export function rescaled({ left, factor }: Rescale, code: number): number {
  return multiplyFixed(code * 2 ** left, factor);
}

/** What a code of scale 1 is multiplied by, but for rounding. */
function slopeOf({ left, factor: { multiplier, shift } }: Rescale): number {
  return multiplier * 2 ** (left + shift - 31);
}

export const addMeaning: OpMeaning<AddNode> = {
  role: "sums",
  readsCodes: true,
  inputs: 2,
  shape: (_, [input]) => input!,
  problem: (node, inputs) => unequalShapes(node, inputs) ?? rescaleProblem(node),
  form: () => REAL,

  /** The integers are factors[0] · a + factors[1] · b. The numbers behind them are sums of the two real numbers, each rounded to float64. */
  evaluate({ rescale }, [a, b], { numbers, channels }) {
    const factors = addFactors(a!.form, b!.form, rescale);
    const sums = factors && zip(a!.numbers, b!.numbers, (x, y) => factors[0] * x + factors[1] * y);
    if (rescale) {
      numbers.set(zip(a!.numbers, b!.numbers, (x, y) => rescaled(rescale[0], x) + rescaled(rescale[1], y)));
      return sums;
    }
    if (sums && isOneScale(a!.form, b!.form)) {
      numbers.set(sums);
      return scaleSums(numbers, channels, a!.form.scale);
    }
    numbers.set(zip(realNumbers(a!), realNumbers(b!), (x, y) => x + y));
    return sums;
  },
};

/** Whether a sum is that of an accumulator and a code: one of its operands is no code, which all others are. */
export function isMixedSum({ inputs }: AddNode, form: ReadonlyMap<string, Form>): boolean {
  return inputs.some((input) => form.get(input)!.kind === "real");
}

/** With factors of this sum, sums of stored codes fit 32 bits. */
const MAX_FACTORS = 2 ** 23;

/**
 * Whole factors for which factors[0] · a + factors[1] · b keeps the order of a · its scale + b · its scale: both 1 where the scales are equal, else the
 * last convergent of their quotient's continued fraction with so small a sum. It is exact for the quotients of small integers, and otherwise off by less
 * than 2^-44. Undefined where scales differ and are not one for all channels.
 */
export function addFactors(a: Form, b: Form, rescale?: AddNode["rescale"]): readonly [number, number] | undefined {
  if (a.kind === "real" || b.kind === "real") return undefined;
  if (!rescale && alike(a.scale, b.scale)) return [1, 1];
  const [x, y] = rescale ? rescale.map(slopeOf) : [scalar(a.scale), scalar(b.scale)];
  if (x === undefined || y === undefined) return undefined;
  const [p, q] = convergent(Math.abs(x / y), MAX_FACTORS);
  return [Math.sign(x) * p + 0, Math.sign(y) * q + 0]; // never −0
}

/** The last convergent p / q of a quotient ≥ 0 with p + q ≤ most. */
function convergent(quotient: number, most: number): [number, number] {
  let [p, q, formerP, formerQ] = [1, 0, 0, 1];
  for (let rest = quotient; Number.isFinite(rest); rest = 1 / (rest - Math.floor(rest))) {
    const whole = Math.floor(rest);
    const [nextP, nextQ] = [whole * p + formerP, whole * q + formerQ];
    if (nextP + nextQ > most) break;
    [p, q, formerP, formerQ] = [nextP, nextQ, p, q];
  }
  return [p, q];
}

/** The real number that one of a sum's integers counts. */
export function addUnit(a: Codes, b: Codes): Float64Array {
  if (alike(a.scale, b.scale)) return a.scale;
  const factors = addFactors(a, b)!;
  const [first, second] = [a.scale[0]! / factors[0], b.scale[0]! / factors[1]];
  return Float64Array.of(Math.abs(factors[0]) > Math.abs(factors[1]) ? first : second);
}
