import { BlobError } from "../../base/errors.ts";
import { hasOwnShifts, type Requantize } from "../../numbers/requantize.ts";
import { putField } from "../fields.ts";
import { OP, OWN_SHIFTS, ROUNDING } from "../layout.ts";
import type { PostFormat } from "./format.ts";

/** Of 32-bit integers. */
const MAX_SHIFT = 31;

export const requantize: PostFormat<Requantize> = {
  recordBytes: (post) => (hasOwnShifts(post) ? 12 : 8),
  records: ({ records }) => records,

  empty({ at, records, ownShifts, left, right, lo, hi, rounding, zero, fail }) {
    if (lo > hi) fail(`codes from ${lo} to ${hi}`);
    if (!ownShifts) checkShifts(at + OP.left, left, right);
    if (rounding === "half-away" && !ownShifts) fail("half-away, expected records with shifts of their own");
    const shifts = (shared: number) => (ownShifts ? new Uint8Array(records) : Uint8Array.of(shared));
    return {
      kind: "requantize",
      records,
      multiplier: new Int32Array(records),
      offset: new Int32Array(records),
      low: new Uint16Array(ownShifts ? records : 0),
      left: shifts(left),
      right: shifts(right),
      lo,
      hi,
      rounding,
      zero: ownShifts ? zero : 0,
    };
  },

  putFields(view, at, post, unsigned) {
    const type = unsigned ? "u8" : "i8";
    putField(view, at + OP.lo, type, post.lo, "least code");
    putField(view, at + OP.hi, type, post.hi, "greatest code");
    view.setUint8(at + OP.rounding, ROUNDING[post.rounding]);
    if (hasOwnShifts(post)) {
      view.setUint8(at + OP.flags, OWN_SHIFTS);
      putField(view, at + OP.zero, type, post.zero, "code of 0");
    } else {
      view.setUint8(at + OP.left, post.left[0]!);
      view.setUint8(at + OP.right, post.right[0]!);
    }
  },

  read(view, at, post, index) {
    post.multiplier[index] = view.getInt32(at, true);
    post.offset[index] = view.getInt32(at + 4, true);
    if (!hasOwnShifts(post)) return;
    post.low[index] = view.getUint16(at + 8, true);
    post.left[index] = view.getUint8(at + 10);
    post.right[index] = view.getUint8(at + 11);
    checkShifts(at + 10, post.left[index]!, post.right[index]!);
    if (post.rounding === "half-away" && post.right[index] === 0) {
      throw new BlobError(at + 11, "a right shift of 0 has no half to round away, expected 1 to 31");
    }
  },

  write(view, at, post, index) {
    view.setInt32(at, post.multiplier[index]!, true);
    view.setInt32(at + 4, post.offset[index]!, true);
    if (!hasOwnShifts(post)) return;
    view.setUint16(at + 8, post.low[index]!, true);
    view.setUint8(at + 10, post.left[index]!);
    view.setUint8(at + 11, post.right[index]!);
  },
};

function checkShifts(at: number, left: number, right: number): void {
  if (left > MAX_SHIFT || right > MAX_SHIFT) {
    throw new BlobError(at, `shifts ${left} and ${right}, expected 0 to ${MAX_SHIFT}`);
  }
}
