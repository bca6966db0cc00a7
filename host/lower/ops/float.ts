import type { FloatNode } from "../../graph/ops/float.ts";
import type { OpLowering } from "./lowering.ts";

/** Networks of float nodes are lowered as a whole (lower/region.ts). */
export const floatLowering: OpLowering<FloatNode> = {
  elements: () => undefined,
  lower: () => {},
};
