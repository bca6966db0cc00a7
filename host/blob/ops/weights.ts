import type { ActivationDtype, SumsPost, WeightedOp } from "../../program.ts";
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
  packings: readonly Packing[] = WEIGHTS[record.dtype].packings,
): Weighted {
  const { dtype, packing, tileChannels, fail } = record;
  if (!isCode(from)) fail(`input of ${from}, expected codes`);
  const post = readSumsPost(record, SUMS_POSTS);
  const packed = packings.find(({ name }) => name === packing);
  if (!packed) {
    return fail(`packing ${packing} of ${dtype}, expected ${packings.map(({ name }) => name).join(" or ")}`);
  }
  if (tileChannels < span && tileChannels % packed.groupChannels) {
    fail(`tiles of ${tileChannels} channels in ${packing}, expected a multiple of ${packed.groupChannels}`);
  }
  if (from === "bit" && dtype !== "binary") fail(`bit × ${dtype}, expected bit × binary`);
  return {
    dtype,
    weights: new Int8Array(0),
    tileChannels,
    ...(post && { post }),
    ...(packed !== WEIGHTS[dtype].packings[0] && { packing: packed.name }),
  };
}

/** Writes the fields of weights. */
export function putWeights(view: DataView, at: number, op: Pick<WeightedOp, "dtype" | "packing">): void {
  view.setUint8(at + OP.dtype, WEIGHT[op.dtype]);
  view.setUint8(at + OP.packing, PACKING[packingOf(op).name]);
}
