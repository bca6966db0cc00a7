import type { Unit } from "../numbers/unit.ts";
import type { Layout } from "../program.ts";
import type { AddNode } from "./ops/add.ts";
import type { ArgmaxNode } from "./ops/argmax.ts";
import type { AvgpoolNode } from "./ops/avgpool.ts";
import type { ConcatNode } from "./ops/concat.ts";
import type { Conv2dNode } from "./ops/conv2d.ts";
import type { DenseNode } from "./ops/dense.ts";
import type { FloatNode } from "./ops/float.ts";
import type { MaximumNode } from "./ops/maximum.ts";
import type { MaxpoolNode } from "./ops/maxpool.ts";
import type { QuantizeNode } from "./ops/quantize.ts";
import type { SoftmaxNode } from "./ops/softmax.ts";
import type { StepNode } from "./ops/step.ts";
import type { UpsampleNode } from "./ops/upsample.ts";

/**
 * A checkpoint as every later stage sees it: named values, and nodes in the order they run.
 * A value has, per row (sample), positions of a picture and `channels` numbers at each; a vector has one position. What is constant is so per channel.
 * `evaluate.ts` defines what a graph computes, by the files of `ops/`.
 */
export interface Graph {
  name: string;
  inputs: GraphInput[];
  nodes: Node[];
  /** Names of values. */
  outputs: string[];
  /** A network of floats: its weights, and what its layers read, may be real numbers. `evaluate` computes it; lowering wants it quantized first (quantize/int8.ts), or all of its nodes those of a float region. */
  isFloat?: true;
}

export interface GraphInput {
  /** Name of the value. */
  name: string;
  /** Shape of one row as the checkpoint has it, without the batch axis. */
  shape: number[];
  /** How that is a picture: without it, a vector of as many channels as the shape has numbers. */
  layout?: Layout;
  /** Integers that the checkpoint declares its numbers to be, by what holds them all; undefined for real numbers. */
  integers?: "u8" | "i8" | "i16" | "wide";
  /** Codes that the checkpoint's own input holds, and what one of them stands for; the value itself is those real numbers. */
  codes?: { dtype: "i8" | "u8"; unit: Unit };
}

export type Node =
  | QuantizeNode
  | DenseNode
  | StepNode
  | SoftmaxNode
  | ArgmaxNode
  | MaximumNode
  | Conv2dNode
  | MaxpoolNode
  | AvgpoolNode
  | AddNode
  | ConcatNode
  | UpsampleNode
  | FloatNode;

/** Numbers in a row of this shape. */
export function rowSize(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
