import type { ArgmaxNode } from "./ops/argmax.ts";
import type { DenseNode } from "./ops/dense.ts";
import type { QuantizeNode } from "./ops/quantize.ts";
import type { SoftmaxNode } from "./ops/softmax.ts";
import type { StepNode } from "./ops/step.ts";

/**
 * A checkpoint as every later stage sees it: named values, and nodes in the order they run.
 * A value is one vector of `channels` numbers per row (sample); shapes beyond that are only remembered for people.
 * `evaluate.ts` defines what a graph computes, by the files of `ops/`.
 */
export interface Graph {
  name: string;
  inputs: GraphInput[];
  nodes: Node[];
  /** Names of values. */
  outputs: string[];
}

export interface GraphInput {
  /** Name of the value. */
  name: string;
  /** Shape of one row as the checkpoint has it, without the batch axis; its product is the number of channels. */
  shape: number[];
  /** Integers that the checkpoint declares its numbers to be, by what holds them all; undefined for real numbers. */
  integers?: "u8" | "i8" | "i16" | "wide";
}

export type Node = QuantizeNode | DenseNode | StepNode | SoftmaxNode | ArgmaxNode;

/** Numbers in a row of this shape. */
export function rowSize(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
