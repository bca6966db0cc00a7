import { BlobError } from "../../base/errors.ts";
import type { Thresholds } from "../../program.ts";
import { putField } from "../fields.ts";
import { OP } from "../layout.ts";
import type { PostFormat } from "./format.ts";

export const thresholds: PostFormat<Thresholds> = {
  recordBytes: ({ count }) => 4 + 4 * count,
  records: ({ records }) => records,

  empty: ({ records, count }) => ({
    kind: "thresholds",
    records,
    count,
    base: new Int16Array(records),
    ups: new Uint16Array(records),
    steps: new Int32Array(0), // all steps are in the tiles, so the reader makes room when it has seen them
  }),

  putFields(view, at, { count }) {
    putField(view, at + OP.count, "u16", count, "steps of a record");
  },

  read(view, at, post, index) {
    const { records, count } = post;
    if (post.steps.length === 0) post.steps = new Int32Array(records * count);
    const { steps } = post;
    post.base[index] = view.getInt16(at, true);
    const ups = view.getUint16(at + 2, true);
    if (ups > count) throw new BlobError(at + 2, `${ups} rising steps of ${count}`);
    post.ups[index] = ups;
    for (let j = 0; j < count; j++) {
      const step = view.getInt32(at + 4 + 4 * j, true);
      if (j > 0 && j !== ups && step < steps[index * count + j - 1]!) {
        throw new BlobError(at + 4 + 4 * j, `step ${step} below the one before, ${steps[index * count + j - 1]}`);
      }
      steps[index * count + j] = step;
    }
  },

  write(view, at, { count, base, ups, steps }, index) {
    view.setInt16(at, base[index]!, true);
    view.setUint16(at + 2, ups[index]!, true);
    for (let j = 0; j < count; j++) view.setInt32(at + 4 + 4 * j, steps[index * count + j]!, true);
  },
};
