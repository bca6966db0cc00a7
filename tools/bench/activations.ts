import { type CodeClass, NARROW } from "../../host/blob/targets.ts";
import type { ActivationDtype } from "../../host/program.ts";

/** How a row of float activations becomes codes: x ≈ scale · (code − zero). */
export interface Activation {
  dtype: ActivationDtype;
  /** The code of 0. */
  zero: number;
  /** Codes go from zero − steps to zero + steps; the largest |x| of a row gets the last. Not of bits, which are the signs of x. */
  steps: number;
  /** What its codes are known to be. */
  codes: CodeClass;
}

export type ActivationName = "bit" | "u4" | "i4" | "i8";

export const ACTIVATIONS: Record<ActivationName, Activation> = {
  bit: { dtype: "bit", zero: 0, steps: 0, codes: "narrow" },
  u4: codes("u8", 7, 8),
  i4: codes("i8", 7, 0),
  i8: codes("i8", 127, 0),
};

function codes(dtype: ActivationDtype, steps: number, zero: number): Activation {
  return { dtype, zero, steps, codes: 2 * steps < NARROW ? "narrow" : "signed" };
}
