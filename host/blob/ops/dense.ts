import type { DenseOp } from "../../program.ts";
import { positionCount } from "../../shape.ts";
import type { OpFormat } from "./format.ts";
import { putWeights, readWeighted } from "./weights.ts";

export const dense: OpFormat<DenseOp> = {
  inputs: 1,

  read(record) {
    const { inputs, output, to, fail } = record;
    const [from] = record.from as [typeof to];
    if (positionCount(from) + positionCount(to) > 2) fail("several positions, expected one of input and output");
    return { kind: "dense", inputs, output, ...readWeighted(record, from.dtype, to.channels) };
  },

  putFields: putWeights,
  channels: ({ output }, tensors) => tensors[output]!.channels,
  columns: (_, [from]) => ({ taps: 1, inputs: from!.channels, packedInputs: from!.channels }),
};
