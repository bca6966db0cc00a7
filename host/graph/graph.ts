import type { Quantizer } from "../numbers/quantizer.ts";
import type { Step } from "../numbers/step.ts";

/**
 * A checkpoint as every later stage sees it: named values, and nodes in the order they run.
 * A value is one vector of `channels` numbers per row (sample); shapes beyond that are only remembered for people.
 * `evaluate.ts` defines what a graph computes.
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

interface NodeBase {
  /** The checkpoint's own name for the node. */
  name: string;
  /** Value that the node reads. */
  input: string;
  /** Value that the node defines. */
  output: string;
  /** Channels of the output. */
  channels: number;
}

/** Activation quantizer: its output is codes with a scale. */
export interface QuantizeNode extends NodeBase {
  op: "quantize";
  quantizer: Quantizer;
}

/**
 * Matrix product with constant weights. The input must be codes with one scale for all channels: `carry.ts` takes constants
 * that are added to codes through the layer.
 */
export interface DenseNode extends NodeBase {
  op: "dense";
  weights: Weights;
}

/** Weights as integers: real weight = codes[m · inputs + k] · scale[m]. */
export interface Weights {
  /** Name of the tensor in the checkpoint. */
  name: string;
  /** Output channels M and inputs K. */
  outputs: number;
  inputs: number;
  /** (M, K), row-major, zero point already subtracted. */
  codes: Int32Array;
  /** Length 1 or M. */
  scale: Float64Array;
  /**
   * What the checkpoint held: float weights behind a quantizer that changes them, or that leaves them as they are; integers
   * times a scale; or bare floats without a quantizer, whose grid was found (checkpoint/grid.ts).
   */
  found: "latent" | "on-grid" | "integers" | "bare";
  /** Bits that the checkpoint declares or, where it does not, that its codes need. */
  bits?: number;
}

/** Per-element function with constant operands. */
export interface StepNode extends NodeBase {
  op: "step";
  step: Step;
}

/** Softmax over the channels of a row. Only before an output. */
export interface SoftmaxNode extends NodeBase {
  op: "softmax";
}

/** Index of the greatest channel, the first among equals. Only before an output. */
export interface ArgmaxNode extends NodeBase {
  op: "argmax";
}

export type Node = QuantizeNode | DenseNode | StepNode | SoftmaxNode | ArgmaxNode;
