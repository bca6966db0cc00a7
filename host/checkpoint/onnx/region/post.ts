import type { FloatNode, FloatOp } from "../../../graph/ops/float.ts";
import type { FloatPost } from "../../../program.ts";
import { Refusal } from "../../refusal.ts";
import type { Tensor } from "../../tensor.ts";
import { type Call, dataOf, only, PLAIN } from "./value.ts";
import { isPlain, type View } from "./view.ts";

// Scale and bias of an op, which products and sums with constants behind it become.

export function postOf(scale: Float64Array | undefined, bias: Float64Array | undefined): FloatPost {
  const records = Math.max(scale?.length ?? 1, bias?.length ?? 1);
  const of = (vector: Float64Array | undefined, other: number) =>
    Float32Array.from({ length: records }, (_, c) => vector?.[vector.length === 1 ? 0 : c] ?? other);
  return { kind: "float", records, scale: of(scale, 1), bias: of(bias, 0) };
}

type Posted = FloatOp & { kind: "float_linear" | "linear" | "layer_norm" | "rms_norm" };

const hasPost = (compute: FloatOp): compute is Posted =>
  compute.kind === "float_linear" ||
  compute.kind === "linear" ||
  compute.kind === "layer_norm" ||
  compute.kind === "rms_norm";

/** What a node has beside what it computes, for one in its place. */
export function moreOf({ weightsName, rows }: FloatNode): Pick<FloatNode, "weightsName" | "rows"> {
  return { ...(weightsName !== undefined && { weightsName }), ...(rows && { rows }) };
}

/** The node of a value again, with another post, as the value `output`; undefined where its op takes none. */
export function reposted(
  call: Call,
  view: View,
  change: (post: FloatPost | undefined) => FloatPost | undefined,
  output = only(call),
): View | undefined {
  const maker = isPlain({ ...view, factor: 1 }) ? call.region.maker(view) : undefined;
  const compute = maker?.compute;
  if (!maker || !compute || !hasPost(compute)) return undefined;
  const post = change(compute.post);
  if (!post) return undefined;
  const made = call.region.emit(maker.name, { ...compute, post }, maker.inputs, output, moreOf(maker));
  return { ...view, source: made.source };
}

/** A constant as a vector of the channels of a view: undefined if it differs between positions. */
export function channelVector({ dims, data }: Tensor, { picture: { channels } }: View): Float64Array | undefined {
  if (data.length === 1 || (data.length === channels && dims.at(-1) === channels)) return data;
  return undefined;
}

export function withBias(post: FloatPost | undefined, vector: Float64Array, channels: number): FloatPost | undefined {
  if (post?.bias.some((x) => x !== 0)) return undefined;
  return postOf(
    widened(post?.scale, channels),
    vector.length === 1 ? new Float64Array(channels).fill(vector[0]!) : vector,
  );
}

function widened(scale: Float32Array | undefined, channels: number): Float64Array | undefined {
  if (!scale) return undefined;
  return scale.length === 1 ? new Float64Array(channels).fill(scale[0]!) : Float64Array.from(scale);
}

export function withScale(post: FloatPost | undefined, vector: Float64Array): FloatPost | undefined {
  if (post?.bias.some((x) => x !== 0)) return undefined;
  const records = Math.max(post?.records ?? 1, vector.length);
  const at = (list: ArrayLike<number> | undefined, c: number) => list?.[list.length === 1 ? 0 : c] ?? 1;
  return postOf(
    Float64Array.from({ length: records }, (_, c) => at(post?.scale, c) * at(vector, c)),
    undefined,
  );
}

/** A value times what it is still to be multiplied by, where the op that gives it can do that. */
export function settled(call: Call, view: View): View {
  if (view.factor === 1) return view;
  const { region, sink } = call;
  const key = `${view.source} ${view.factor}`;
  const by = Float64Array.of(view.factor);
  const known =
    region.scaled.get(key) ??
    reposted(call, view, (post) => withScale(post, by), sink.fresh(`${view.source}.scaled`))?.source;
  if (known === undefined) return view;
  region.scaled.set(key, known);
  return { ...view, source: known, factor: 1 };
}

/** A value whose numbers are all of a row, in their order. */
export function plainOf(call: Call, index = 0): View {
  const view = settled(call, dataOf(call, index));
  if (isPlain(view)) return view;
  const why =
    view.factor === 1
      ? `its input ${index} has its axes in another order, or a part of "${view.source}"`
      : `its input ${index} is still to be multiplied by ${view.factor}`;
  throw new Refusal(why, PLAIN);
}
