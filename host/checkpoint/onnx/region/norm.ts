import type { FloatPost } from "../../../program.ts";
import { Refusal } from "../../refusal.ts";
import { axisOf, type Call, constantOf, elementwise, only, plainOf, type Value } from "./value.ts";
import { type View, viewOf } from "./view.ts";

export function norm(call: Call, view: View, epsilon: number, post?: FloatPost): View {
  return elementwise(call, view, { kind: "layer_norm", epsilon: Math.fround(epsilon), ...(post && { post }) });
}

export function reduceMean(call: Call): Value {
  const [value] = call.inputs;
  const axes = call.attributes.ints("axes") ?? (call.inputs[1] ? [...constantOf(call, 1).data] : []);
  const keeps = (call.attributes.int("keepdims") ?? 1) !== 0;
  if (value?.kind === "square") return { ...value, kind: "variance" };
  const view = plainOf(call);
  const rank = view.axes.length;
  const [axis, ...others] = axes.map((each) => axisOf(each, rank));
  if (axis === rank - 1 && others.length === 0 && keeps) return { kind: "mean", of: view, epsilon: 0 };
  const isPositions = axes.length === rank - 2 && axis === 1;
  if (!isPositions)
    throw new Refusal(`a mean over axes ${axes}`, "a mean over all positions, or over channels in a norm");
  const made = call.region.emit(call.name, { kind: "mean" }, [view.source], only(call));
  return viewOf(made.source, made.picture, keeps);
}
