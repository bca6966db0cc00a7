import type { Scores } from "../../program.ts";
import type { PostFormat } from "./format.ts";

export const scores: PostFormat<Scores> = {
  recordBytes: () => 16,
  records: ({ multiplier }) => multiplier.length,
  empty: (_, channels) => ({
    kind: "scores",
    multiplier: new Int32Array(channels),
    offset: new BigInt64Array(channels),
  }),

  read(view, at, { multiplier, offset }, index) {
    multiplier[index] = view.getInt32(at, true);
    offset[index] = view.getBigInt64(at + 8, true);
  },

  write(view, at, { multiplier, offset }, index) {
    view.setInt32(at, multiplier[index]!, true);
    view.setBigInt64(at + 8, offset[index]!, true);
  },
};
