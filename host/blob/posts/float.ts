import type { FloatPost } from "../../program.ts";
import type { PostFormat } from "./format.ts";

export const float: PostFormat<FloatPost> = {
  recordBytes: () => 8,
  records: ({ records }) => records,
  empty: ({ records }) => ({
    kind: "float",
    records,
    scale: new Float32Array(records),
    bias: new Float32Array(records),
  }),

  read(view, at, { scale, bias }, index) {
    scale[index] = view.getFloat32(at, true);
    bias[index] = view.getFloat32(at + 4, true);
  },

  write(view, at, { scale, bias }, index) {
    view.setFloat32(at, scale[index]!, true);
    view.setFloat32(at + 4, bias[index]!, true);
  },
};
