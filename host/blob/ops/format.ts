import type { ActivationDtype, Op, PackingName, Post, SumsPost, Tensor, WeightDtype } from "../../program.ts";
import { isSameShape, shapeText } from "../../shape.ts";
import type { PostFields } from "../posts/format.ts";
import { postFormat } from "../posts/index.ts";

/** What an op's record holds, read but for its tiles. */
export interface OpRecord extends PostFields {
  /** The blob; the record begins at byte `at` of it. */
  view: DataView;
  inputs: number[];
  output: number;
  /** The tensors of these indices. */
  from: readonly Tensor[];
  to: Tensor;
  post: Post["kind"] | "none";
  dtype: WeightDtype | "f32";
  packing: PackingName | "f32" | "none";
  tileChannels: number;
}

/** How an op is stored (FORMAT.md, "Op"). */
export interface OpFormat<O extends Op> {
  /** How many tensors it reads, but for that of a plane. */
  inputs: 1 | 2 | 3;
  /** Whether it has the fields of a window. */
  hasWindow?: true;
  /** The op that a record tells, without what its tiles hold. Refuses (`record.fail`) what FORMAT.md does not allow. */
  read(record: OpRecord): O;
  /** Writes the fields that only ops of this kind have, at byte `at`. */
  putFields?(view: DataView, at: number, op: O): void;
  /** Channels that have weights or parameters of their own, in tiles. */
  channels(op: O, tensors: readonly Tensor[]): number;
  /** Groups that those channels are in, so that no tile spans two; one if not given. */
  groups?(op: O): number;
  /** Weights of a channel, for ops that have them. */
  columns?(op: O, from: readonly Tensor[]): Columns;
}

/** The weights of an output channel: for each tap, one for each of its inputs; packed as if there were `packedInputs`. */
export interface Columns {
  taps: number;
  inputs: number;
  packedInputs: number;
}

/** The post that a record tells, one of `kinds`, whose codes or scores are those of `channels` channels. */
export function readPost<Kind extends Post["kind"]>(
  record: OpRecord,
  kinds: readonly Kind[],
  channels: number,
): Extract<Post, { kind: Kind }> {
  const kind = kinds.find((each) => each === record.post);
  if (kind === undefined) return record.fail(`post ${record.post}, expected ${kinds.join(" or ")}`);
  if (kind === "plane") checkSecond(record);
  return postFormat(kind).empty(record, channels) as Extract<Post, { kind: Kind }>;
}

/** Refuses a second input of a plane that is not codes in bytes, of the output's shape, and an output of bits. */
function checkSecond({ from, to, fail }: OpRecord): void {
  const second = from.at(-1)!;
  if (isBytesLike(second, to) && isBytesLike(to, to)) return;
  const [a, b] = [second, to].map((tensor) => `${tensor.dtype} × ${shapeText(tensor)}`);
  fail(`plane of ${a} → ${b}, expected codes in bytes, as many of each`);
}

/** The posts of a layer's sums. */
export const SUMS_POSTS = ["thresholds", "requantize", "plane"] as const satisfies readonly SumsPost["kind"][];

/** The post of an op that makes sums, one of `kinds` or none. Refuses what does not give the output's dtype. */
export function readSumsPost<Kind extends SumsPost["kind"]>(
  record: OpRecord,
  kinds: readonly Kind[],
): Extract<SumsPost, { kind: Kind }> | undefined {
  const { to, post, fail } = record;
  if (post === "none" ? to.dtype !== "i32" : !isCode(to.dtype)) fail(`post ${post} gives ${to.dtype}`);
  return post === "none" ? undefined : readPost(record, kinds, to.channels);
}

/** Whether a tensor holds codes in bytes, and has the shape of another. */
export function isBytesLike(tensor: Tensor, other: Tensor): boolean {
  return (tensor.dtype === "u8" || tensor.dtype === "i8") && isSameShape(tensor, other);
}

/** Whether elements are codes, which a byte or a bit holds. */
export function isCode(dtype: ActivationDtype): boolean {
  return dtype === "bit" || dtype === "u8" || dtype === "i8";
}
