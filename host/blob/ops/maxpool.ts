import type { MaxpoolOp } from "../../program.ts";
import { windowProblem } from "../../window.ts";
import { isCode, type OpFormat } from "./format.ts";
import { putWindow, readWindow } from "./window.ts";

export const maxpool: OpFormat<MaxpoolOp> = {
  inputs: 1,
  hasWindow: true,

  read({ view, at, inputs, output, from, to, post, fail }) {
    const [{ dtype, channels }] = from as [typeof to];
    const window = readWindow(view, at);
    const problem = windowProblem(window, from[0]!, to);
    if (problem) fail(problem);
    if (!isCode(dtype) || to.dtype !== dtype || to.channels !== channels) {
      const found = `${dtype} × ${channels} → ${to.dtype} × ${to.channels}`;
      fail(`${found}, expected codes of one dtype, and as many channels`);
    }
    if (post !== "none") fail(`post ${post}, expected none`);
    return { kind: "maxpool", inputs, output, window };
  },

  putFields: (view, at, { window }) => putWindow(view, at, window),
  channels: ({ output }, tensors) => tensors[output]!.channels,
};
