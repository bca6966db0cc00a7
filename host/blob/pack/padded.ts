import type { Columns } from "../ops/format.ts";
import type { Packing } from "./pack.ts";

/** A weight whose bit is 0, as padding is: only bits are padded, and only binary weights go with them. */
const PADDING = 1;

/** Packs the weights of some channels, each tap padded to `packedInputs` of them. */
export function packPadded(packing: Packing, view: DataView, at: number, codes: Int8Array, columns: Columns): void {
  const { taps, inputs, packedInputs } = columns;
  if (inputs === packedInputs) {
    packing.pack(view, at, codes, taps * inputs);
    return;
  }
  const padded = new Int8Array((codes.length / inputs) * packedInputs).fill(PADDING);
  for (let tap = 0; tap * inputs < codes.length; tap++) {
    padded.set(codes.subarray(tap * inputs, (tap + 1) * inputs), tap * packedInputs);
  }
  packing.pack(view, at, padded, taps * packedInputs);
}

/** Inverse of `packPadded`: fills `codes`. */
export function unpackPadded(packing: Packing, view: DataView, at: number, codes: Int8Array, columns: Columns): void {
  const { taps, inputs, packedInputs } = columns;
  if (inputs === packedInputs) {
    packing.unpack(view, at, codes, taps * inputs);
    return;
  }
  const padded = new Int8Array((codes.length / inputs) * packedInputs);
  packing.unpack(view, at, padded, taps * packedInputs);
  for (let tap = 0; tap * inputs < codes.length; tap++) {
    codes.set(padded.subarray(tap * packedInputs, tap * packedInputs + inputs), tap * inputs);
  }
}
