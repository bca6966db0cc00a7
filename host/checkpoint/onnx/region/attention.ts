import { isSameShape } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import { linear } from "./linear.ts";
import { sums } from "./rows.ts";
import { type Call, only, PLAIN, type Value } from "./value.ts";
import { isSame, merged, transposed, type View } from "./view.ts";

/** Queries [heads, positions, size] and keys [heads, size, positions] as scores; undefined where they are something else. */
function scoresOf(a: View, b: View): Value | undefined {
  const { height, width, channels } = a.picture;
  const positions = height * width;
  if (!isSameShape(a.picture, b.picture)) return undefined;
  const size = a.axes.at(-1)!.reduce((product, atom) => product * atom.size, 1);
  const heads = channels / size;
  if (!isHeads(a, heads, positions, size) || b.axes.length < 2) return undefined;
  const order = b.axes.map((_, axis) => axis);
  const turned = transposed(b, [...order.slice(0, -2), order.length - 1, order.length - 2]);
  if (!isHeads(turned, heads, positions, size)) return undefined;
  return { kind: "scores", queries: a.source, keys: b.source, heads, scale: a.factor * b.factor, positions };
}

/** Whether a value's axes are heads, positions and the channels of a head. */
function isHeads({ axes, picture: { channels } }: View, heads: number, positions: number, size: number): boolean {
  const of = (stride: number, count: number) => merged([{ stride, size: count }]);
  const [own, at, last] = [axes.slice(0, -2).flat(), axes.at(-2) ?? [], axes.at(-1)!];
  return isSame(own, of(size, heads)) && isSame(at, of(channels, positions)) && isSame(last, of(1, size));
}

export function matMul(call: Call): Value {
  const [a, b] = call.inputs;
  if (b?.kind === "constant" && a?.kind === "rounded") return sums(a, b);
  if (b?.kind === "constant") return linear(call, b, undefined, call.name);
  if (a?.kind === "weights" && b?.kind === "data") {
    const { heads, queries, keys, scale, positions } = a;
    const size = b.picture.channels / heads;
    if (b.factor === 1 && isHeads(b, heads, positions, size)) {
      const compute = { kind: "attention", heads, keyHeads: heads, scale: Math.fround(scale) } as const;
      const made = call.region.emit(call.name, compute, [queries, keys, b.source], only(call));
      const { channels } = made.picture;
      const axes = [
        [{ stride: size, size: heads }],
        [{ stride: channels, size: positions }],
        [{ stride: 1, size }],
      ].map(merged);
      const batch = b.axes.length > 3 ? [[]] : [];
      return { ...made, axes: [...batch, ...(b.axes.length > 2 || heads > 1 ? axes : axes.slice(1))] };
    }
  }
  const scores = a?.kind === "data" && b?.kind === "data" ? scoresOf(a, b) : undefined;
  if (scores) return scores;
  throw new Refusal("it multiplies two values that are not those of an attention, in heads of one size", PLAIN);
}
