import { UnsupportedError } from "../../base/errors.ts";
import type { Node } from "../../graph/graph.ts";
import type { PaddedWindow } from "../../graph/ops/window.ts";
import type { Window } from "../../program.ts";
import { shapeText } from "../../shape.ts";
import { windowProblem } from "../../window.ts";
import type { Builder } from "../builder.ts";

/** The window of a node as a program has it, which the sizes of input and output complete. Refuses what a blob cannot hold. */
export function storedWindow(node: Extract<Node, { window: PaddedWindow }>, builder: Builder): Window {
  const { padBottom: _, padRight: __, ...window } = node.window;
  const from = builder.shapes.get(node.inputs[0]!)!;
  const why = windowProblem(window, from, builder.shapes.get(node.output)!);
  if (!why) return window;
  const instead = "padding smaller than the kernel, and a kernel, strides and dilations within these limits";
  throw new UnsupportedError([{ node: node.name, op: node.op, shape: `[${shapeText(from)}]`, why, instead }]);
}
