import { alike, at } from "../numbers/quantizer.ts";

/** How a value of a graph is held: real numbers, or integer codes `e` for the real numbers e · scale. */
export type Form = { kind: "real" } | Codes;

/** Codes `e = q − zero` of a quantizer, perhaps behind a ReLU. Vectors have length 1 or one entry per channel. */
export interface Codes {
  kind: "codes";
  scale: Float64Array;
  /** Least and greatest code. */
  min: Float64Array;
  max: Float64Array;
  /** Only −1 and +1 occur. */
  bipolar: boolean;
}

export const REAL: Form = { kind: "real" };

/** The real number that an entry of a value of this form stands for. */
export function realNumber(form: Form, x: number, channel: number): number {
  return form.kind === "codes" ? x * at(form.scale, channel) : x;
}

/** Whether both are codes with the same scale in every channel. */
export function isOneScale(a: Form, b: Form): a is Codes {
  return a.kind === "codes" && b.kind === "codes" && alike(a.scale, b.scale);
}

/** The one value of a vector, if all its entries are equal. */
export function scalar(vector: Float64Array): number | undefined {
  return vector.every((x) => x === vector[0]) ? vector[0] : undefined;
}
