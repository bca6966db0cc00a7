import { shapeText } from "../../../shape.ts";
import { Refusal } from "../../refusal.ts";
import type { Tensor } from "../../tensor.ts";
import { normed } from "./norm.ts";
import { channelVector, plainOf, reposted, settled, withBias, withScale } from "./post.ts";
import { restored, scaledBy } from "./rows.ts";
import {
  axisOf,
  type Call,
  dataOf,
  elementwise,
  type Gelu,
  isClose,
  isSameView,
  only,
  PLAIN,
  scalarOf,
  type Value,
} from "./value.ts";
import { isPlain, type View, viewOf } from "./view.ts";

export function add(call: Call): Value {
  const [a, b] = constantLast(call);
  if (b?.kind !== "constant") return restored(call) ?? pairwise(call, "float_add");
  const one = scalarOf(b);
  if (a?.kind === "erf" && one === 1) return { ...a, kind: "phi" };
  if (a?.kind === "variance" && one !== undefined) return { ...a, epsilon: one };
  const view = settled(call, a?.kind === "data" ? a : dataOf(call));
  const vector = view.factor === 1 ? channelVector(b, view) : undefined;
  const biased = vector && reposted(call, view, (post) => withBias(post, vector, view.picture.channels));
  if (biased) return biased;
  return positions(call, view, b, 0);
}

/** A constant at every position added to a value, or before it. */
function positions(call: Call, view: View, { data }: Tensor, extra: number): View {
  const { height, width, channels } = view.picture;
  if (!isPlain(view)) throw new Refusal("it adds a constant to a value whose axes are in another order", PLAIN);
  const count = (height * width + extra) * channels;
  const [whole, one] = [data.length === count, data.length === channels];
  if (!whole && !one && data.length !== 1)
    throw new Refusal(`a constant of ${data.length} numbers for ${count}`, PLAIN);
  const floats = Float32Array.from({ length: count }, (_, i) => data[whole ? i : one ? i % channels : 0]!);
  const made = call.region.emit(call.name, { kind: "positions", floats }, [view.source], only(call));
  return view.axes.length > 2 ? made : viewOf(made.source, made.picture, false);
}

/** The operands, a constant behind the other one. */
function constantLast({ inputs: [a, b] }: Call): [Value | undefined, Value | undefined] {
  return a?.kind === "constant" ? [b, a] : [a, b];
}

export function multiply(call: Call, divides: boolean): Value {
  const codes = scaledBy(call, divides);
  if (codes) return codes;
  const [a, b] = divides ? call.inputs : constantLast(call);
  if (b?.kind === "constant") {
    const one = scalarOf(b);
    const by = one === undefined ? undefined : divides ? 1 / one : one;
    if (by !== undefined && (a?.kind === "gelu" || a?.kind === "phi"))
      return completed(call, { ...a, factor: a.factor * by });
    if (by !== undefined && a?.kind === "scores") return { ...a, scale: a.scale * by };
    const view = a?.kind === "data" ? a : dataOf(call);
    if (by !== undefined) return { ...view, factor: view.factor * by };
    const vector = divides ? undefined : channelVector(b, view);
    const scaled = vector && view.factor === 1 ? reposted(call, view, (post) => withScale(post, vector)) : undefined;
    if (scaled) return scaled;
    throw new Refusal("it multiplies by a constant that is no gain of a norm", PLAIN);
  }
  const [x, gate] = a?.kind === "sigmoid" ? [b, a] : [a, b];
  if (!divides && x?.kind === "data" && gate?.kind === "sigmoid" && isSameView(x, gate.of)) {
    return elementwise(call, x, { kind: "activation", function: "silu" });
  }
  const made = normed(call, divides);
  if (made) return made;
  const [data, phi] = a?.kind === "phi" ? [b, a] : [a, b];
  if (data?.kind === "data" && phi?.kind === "phi" && isSameView(data, phi.of)) {
    return completed(call, { kind: "gelu", of: { ...data, factor: 1 }, factor: data.factor * phi.factor });
  }
  if (divides) throw new Refusal("it divides values that are no parts of a norm", PLAIN);
  return pairwise(call, "float_mul");
}

/** Of two values of one shape, element by element. */
function pairwise(call: Call, kind: "float_add" | "float_mul"): View {
  const views = [plainOf(call, 0), plainOf(call, 1)];
  const made = call.region.emit(
    call.name,
    { kind },
    views.map(({ source }) => source),
    only(call),
  );
  return { ...views[0]!, source: made.source, picture: made.picture };
}

/** x · (1 + erf(x / √2)), once it has been halved, too. */
function completed(call: Call, gelu: Gelu): Value {
  if (gelu.kind !== "gelu" || !isClose(gelu.factor, 0.5)) return gelu;
  return elementwise(call, gelu.of, { kind: "activation", function: "gelu" });
}

export function concat(call: Call): Value {
  const [first, second] = call.inputs;
  if (first?.kind !== "constant" || second?.kind !== "data" || call.inputs.length !== 2) {
    throw new Refusal("it joins something else than a class token and positions", "a constant before the positions");
  }
  const { channels, height, width } = second.picture;
  const extra = first.data.length / channels;
  if (axisOf(call.attributes.int("axis") ?? 0, second.axes.length) !== 1 || !Number.isInteger(extra)) {
    throw new Refusal(`it joins ${first.data.length} numbers before ${shapeText(second.picture)}`, "positions");
  }
  const data = new Float64Array((extra + height * width) * channels);
  data.set(first.data);
  return positions(call, second, { dims: [], data }, extra);
}
