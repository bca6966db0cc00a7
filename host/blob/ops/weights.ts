import type { ActivationDtype, FloatsOp, SumsPost, WeightDtype, WeightedOp } from "../../program.ts";
import { OP, PACKING, WEIGHT } from "../layout.ts";
import { type Packing, packingOf, WEIGHTS } from "../pack/pack.ts";
import { isCode, type OpRecord, readSumsPost, SUMS_POSTS } from "./format.ts";

type Weighted = Pick<WeightedOp, "dtype" | "packing" | "weights" | "tileChannels"> & { post?: SumsPost };

/**
 * What the record of an op with weights tells, for elements of dtype `from`, in one of `packings`, those of its dtype if not given; tiles do not span more
 * than `span` output channels. Refuses what FORMAT.md does not allow.
 */
export function readWeighted(
  record: OpRecord,
  from: ActivationDtype,
  span: number,
  packings: readonly Packing[] = WEIGHTS[weightDtypeOf(record)].packings,
): Weighted {
  if (!isCode(from)) record.fail(`input of ${from}, expected codes`);
  const post = readSumsPost(record, SUMS_POSTS);
  if (from === "bit" && record.dtype !== "binary") record.fail(`bit × ${record.dtype}, expected bit × binary`);
  return { ...readPacked(record, span, packings), ...(post && { post }) };
}

/** The weights that a record tells, in one of `packings`, whose tiles do not span more than `span` output channels. */
export function readPacked(
  record: OpRecord,
  span: number,
  packings: readonly Packing[],
): Pick<WeightedOp, "dtype" | "packing" | "weights" | "tileChannels"> {
  const { packing, tileChannels, fail } = record;
  const dtype = weightDtypeOf(record);
  const packed = packings.find(({ name }) => name === packing);
  if (!packed) {
    return fail(`packing ${packing} of ${dtype}, expected ${packings.map(({ name }) => name).join(" or ")}`);
  }
  if (tileChannels < span && tileChannels % packed.groupChannels) {
    fail(`tiles of ${tileChannels} channels in ${packing}, expected a multiple of ${packed.groupChannels}`);
  }
  return {
    dtype,
    weights: new Int8Array(0),
    tileChannels,
    ...(packed !== WEIGHTS[dtype].packings[0] && { packing: packed.name }),
  };
}

/** Writes the fields of weights. */
export function putWeights(view: DataView, at: number, op: Pick<WeightedOp, "dtype" | "packing">): void {
  view.setUint8(at + OP.dtype, WEIGHT[op.dtype]);
  view.setUint8(at + OP.packing, PACKING[packingOf(op).name]);
}

/** The dtype of integer weights. */
function weightDtypeOf({ dtype, fail }: OpRecord): WeightDtype {
  return dtype === "f32" ? fail("weights of f32, expected integers") : dtype;
}

/** The weights of an op that has them in f32, without what its tiles hold. */
export function readFloats({
  dtype,
  packing,
  tileChannels,
  fail,
}: OpRecord): Pick<FloatsOp, "floats" | "tileChannels"> {
  if (dtype !== "f32" || packing !== "f32") fail(`weights of ${dtype} in ${packing}, expected f32 in f32`);
  return { floats: new Float32Array(0), tileChannels };
}

export function putFloats(view: DataView, at: number): void {
  view.setUint8(at + OP.dtype, WEIGHT.f32);
  view.setUint8(at + OP.packing, PACKING.f32);
}
