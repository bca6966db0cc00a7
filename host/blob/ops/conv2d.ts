import type { Conv2dForm, Conv2dOp, Tensor } from "../../program.ts";
import { windowProblem } from "../../window.ts";
import { putField } from "../fields.ts";
import { FORM, MAX_CHANNELS, OP } from "../layout.ts";
import { packingOf, TAP8 } from "../pack/pack.ts";
import type { OpFormat } from "./format.ts";
import { putWeights, readWeighted } from "./weights.ts";
import { putWindow, readWindow } from "./window.ts";

export const conv2d: OpFormat<Conv2dOp> = {
  inputs: 1,
  hasWindow: true,

  read(record) {
    const { view, at, inputs, output, to, fail } = record;
    const [from] = record.from as [typeof to];
    const window = readWindow(view, at);
    const groups = view.getUint16(at + OP.groups, true);
    const pad = from.dtype === "u8" ? view.getUint8(at + OP.pad) : view.getInt8(at + OP.pad);
    const problem = windowProblem(window, from, to);
    if (problem) fail(problem);
    if (!(groups >= 1 && from.channels % groups === 0 && to.channels % groups === 0)) {
      fail(`${from.channels} → ${to.channels} channels in ${groups} groups, expected as many in each`);
    }
    if (from.dtype === "bit" && groups > 1 && (from.channels / groups) % 32 !== 0) {
      fail(`groups of ${from.channels / groups} bits, expected a multiple of 32`);
    }
    if (from.dtype === "bit" && pad !== 0) fail(`padding with code ${pad} of bits, expected 0`);
    const inTaps = record.packing === TAP8.name;
    if (inTaps && !isDepthwise({ groups }, from)) {
      fail(`tap8 of ${from.channels} × ${from.dtype} in ${groups} groups, expected codes in a group each`);
    }
    const span = inTaps ? to.channels : to.channels / groups;
    const weighted = readWeighted(record, from.dtype, span, inTaps ? [TAP8] : undefined);
    const form = view.getUint8(at + OP.form);
    const op: Conv2dOp = { kind: "conv2d", inputs, output, window, groups, pad, ...weighted };
    if (form !== FORM.gather) {
      const name = CONV2D_FORMS.find((name) => FORM[name] === form);
      if (!name) fail(`form ${form}, expected one of ${JSON.stringify(FORM)}`);
      op.form = name!;
      if (!FITS[name!](op, from)) {
        fail(
          `form ${name}, of ${from.channels} channels in ${groups} groups with padding ${pad} and packing ${op.packing}, expected ${EXPECTED[name!]}`,
        );
      }
    }
    const { taps, packedInputs } = this.columns!(op, [from]);
    if (taps * packedInputs > MAX_CHANNELS)
      fail(`${taps * packedInputs} weights a channel, expected at most ${MAX_CHANNELS}`);
    return op;
  },

  putFields(view, at, op) {
    putWeights(view, at, op);
    view.setUint8(at + OP.form, FORM[op.form ?? "gather"]);
    putWindow(view, at, op.window);
    putField(view, at + OP.groups, "u16", op.groups, "groups");
    if (op.pad < 0) putField(view, at + OP.pad, "i8", op.pad, "code of padding");
    else putField(view, at + OP.pad, "u8", op.pad, "code of padding");
  },

  channels: ({ output }, tensors) => tensors[output]!.channels,
  groups: ({ packing, groups }) => (packing === TAP8.name ? 1 : groups),

  columns({ window, groups }, [from]) {
    const inputs = from!.channels / groups;
    const packedInputs = from!.dtype === "bit" ? 32 * Math.ceil(inputs / 32) : inputs;
    return { taps: window.kernelHeight * window.kernelWidth, inputs, packedInputs };
  },
};

const FITS: Record<Conv2dForm, (op: Conv2dOp, from: Tensor) => boolean> = {
  /** Its taps whole strips, and padding that adds nothing. */
  scatter: ({ packing, groups, pad }, { channels }) =>
    packing === "trit4" && groups === 1 && pad === 0 && channels % 16 === 0,
  pair: (op) => packingOf(op).name === "field8",
};

const EXPECTED: Record<Conv2dForm, string> = {
  scatter: "trit4, a multiple of 16, one group and 0",
  pair: "field8",
};

const CONV2D_FORMS = Object.keys(FITS) as Conv2dForm[];

/** A convolution that gathers its patches one by one. */
export function gathered({ form: _, ...op }: Conv2dOp): Conv2dOp {
  return op;
}

/** The forms that a convolution may have beside that of gathered patches; one at most. */
export function formOf(op: Conv2dOp, from: Tensor): Conv2dForm | undefined {
  return CONV2D_FORMS.find((form) => FITS[form](op, from));
}

/** Whether every input channel of a convolution is a group, whose channels can lie side by side: those of bits cannot. */
export function isDepthwise({ groups }: Pick<Conv2dOp, "groups">, { dtype, channels }: Tensor): boolean {
  return groups === channels && dtype !== "bit";
}
