import type { ActivationFunction, ActivationOp } from "../../program.ts";
import { FUNCTION, OP } from "../layout.ts";
import { checkAlikeFloats, checkNoPost } from "./float.ts";
import type { OpFormat } from "./format.ts";

const NAMES = Object.keys(FUNCTION) as ActivationFunction[];

export const activation: OpFormat<ActivationOp> = {
  inputs: 1,

  read(record) {
    const { view, at, inputs, output, post, fail } = record;
    checkAlikeFloats(record);
    checkNoPost(post, fail);
    const code = view.getUint8(at + OP.form);
    const name = NAMES.find((each) => FUNCTION[each] === code);
    return {
      kind: "activation",
      inputs,
      output,
      function: name ?? fail(`function ${code}, expected one of ${JSON.stringify(FUNCTION)}`),
    };
  },

  putFields(view, at, { function: name }) {
    view.setUint8(at + OP.form, FUNCTION[name]);
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
};
