import { BlobError } from "../../base/errors.ts";
import { planeOf } from "../../numbers/plane.ts";
import type { Plane } from "../../program.ts";
import type { PostFormat } from "./format.ts";

/** Of 64-bit integers; without a bit there is nothing to round. */
const SHIFTS = { min: 1, max: 62 };

export const plane: PostFormat<Plane> = {
  recordBytes: () => 32,
  records: ({ records }) => records,

  empty({ records }) {
    return planeOf(
      Array.from({ length: records }, () => ({ multiplier: 0n, second: 0n, offset: 0n, lo: 0, hi: 0, shift: 1 })),
    );
  },

  read(view, at, post, index) {
    post.multiplier[index] = view.getBigInt64(at, true);
    post.second[index] = view.getBigInt64(at + 8, true);
    post.offset[index] = view.getBigInt64(at + 16, true);
    const [lo, hi, shift] = [view.getInt16(at + 24, true), view.getInt16(at + 26, true), view.getUint8(at + 28)];
    if (lo > hi) throw new BlobError(at + 24, `codes from ${lo} to ${hi}`);
    if (shift < SHIFTS.min || shift > SHIFTS.max) {
      throw new BlobError(at + 28, `shift ${shift}, expected ${SHIFTS.min} to ${SHIFTS.max}`);
    }
    [post.lo[index], post.hi[index], post.shift[index]] = [lo, hi, shift];
  },

  write(view, at, post, index) {
    view.setBigInt64(at, post.multiplier[index]!, true);
    view.setBigInt64(at + 8, post.second[index]!, true);
    view.setBigInt64(at + 16, post.offset[index]!, true);
    view.setInt16(at + 24, post.lo[index]!, true);
    view.setInt16(at + 26, post.hi[index]!, true);
    view.setUint8(at + 28, post.shift[index]!);
  },
};
