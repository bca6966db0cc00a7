import type { AvgpoolOp } from "../../program.ts";
import { windowProblem } from "../../window.ts";
import { isCode, type OpFormat, readSumsPost, SUMS_POSTS } from "./format.ts";
import { putWindow, readWindow } from "./window.ts";

export const avgpool: OpFormat<AvgpoolOp> = {
  inputs: 1,
  hasWindow: true,

  read(record) {
    const { view, at, inputs, output, to, tileChannels, fail } = record;
    const [from] = record.from as [typeof to];
    const window = readWindow(view, at);
    const problem = windowProblem(window, from, to);
    if (problem) fail(problem);
    if (!isCode(from.dtype)) fail(`input of ${from.dtype}, expected codes`);
    if (from.channels !== to.channels) fail(`${from.channels} → ${to.channels} channels, expected as many`);
    const post = readSumsPost(record, SUMS_POSTS);
    return { kind: "avgpool", inputs, output, window, ...(post && { post, tileChannels }) };
  },

  putFields: (view, at, { window }) => putWindow(view, at, window),
  channels: ({ output }, tensors) => tensors[output]!.channels,
};
