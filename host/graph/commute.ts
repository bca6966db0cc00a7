import { MAX_MOVED, MAX_NODES } from "../base/limits.ts";
import { mapVectors } from "../numbers/quantizer.ts";
import { direction, mapConstants } from "../numbers/step.ts";
import type { ElementNode } from "./element.ts";
import { forms } from "./forms.ts";
import type { Graph, Node } from "./graph.ts";
import { liveNodes } from "./live.ts";
import { freshNames, valueNames } from "./names.ts";
import type { ConcatNode } from "./ops/concat.ts";
import type { MaxpoolNode } from "./ops/maxpool.ts";
import type { UpsampleNode } from "./ops/upsample.ts";

/** Moves max pools, joins and upsamplings behind the quantizers that read them, as long as one can be moved: each may stand before another. */
export function commute(graph: Graph): { graph: Graph; notes: string[] } {
  const notes: string[] = [];
  for (let looked = 0; looked <= MAX_MOVED; ) {
    const pools = movePools(graph);
    const joins = moveJoins(pools.graph);
    notes.push(...pools.notes, ...joins.notes);
    graph = joins.graph;
    if (joins.notes.length === 0) break;
    looked += graph.nodes.reduce((sum, { channels }) => sum + channels, 0);
  }
  return { graph, notes: [...new Set(notes)] };
}

/**
 * Moves joins and upsamplings behind the quantizers that read them: what is done to single elements is done before they are joined or repeated, and that is what
 * the graph means from then on. Each operand of a join gets the part of every constant that is its channels'. Those that no quantizer reads, with steps between at
 * most, stay where they are, for `supported.ts` to judge.
 */
export function moveJoins(graph: Graph): { graph: Graph; notes: string[] } {
  const fresh = freshNames(valueNames(graph));
  const nodes: Node[] = [];
  const notes = new Set<string>();
  /** Of a join or an upsampling, and of what steps make of it: that node, and the same made of each operand. */
  const moving = new Map<string, { mover: ConcatNode | UpsampleNode; operands: string[] }>();

  for (const node of graph.nodes) {
    const before = moving.get(node.inputs[0]!);
    if (node.op === "concat" || node.op === "upsample") moving.set(node.output, { mover: node, operands: node.inputs });
    if (!before || (node.op !== "step" && node.op !== "quantize") || nodes.length > MAX_NODES) {
      nodes.push(node);
      continue;
    }
    const { mover } = before;
    const operands = before.operands.map((operand, i) => {
      const output = fresh(`${node.output}_${i}`);
      nodes.push(partOf(node, channelsOf(mover, i), operand, output));
      return output;
    });
    if (node.op === "quantize") {
      nodes.push({ ...mover, inputs: operands, output: node.output });
      const what = mover.op === "concat" ? "join" : "upsampling";
      notes.add(`${what} "${mover.name}" is computed behind quantizer "${node.name}"`);
    } else {
      nodes.push(node); // for those who read it as it is
      moving.set(node.output, { mover, operands });
    }
  }
  return notes.size === 0
    ? { graph, notes: [] }
    : { graph: { ...graph, nodes: liveNodes({ ...graph, nodes }) }, notes: [...notes] };
}

/** The channels of the result that are operand `i`'s: from the first up to, but not including, the second. */
function channelsOf(mover: ConcatNode | UpsampleNode, i: number): [first: number, end: number] {
  if (mover.op === "upsample") return [0, mover.channels];
  return i === 0 ? [0, mover.first] : [mover.first, mover.channels];
}

/** A node on the channels from the first up to, but not including, the second. */
function partOf(node: ElementNode, [first, end]: [number, number], input: string, output: string): Node {
  const part = (vector: Float64Array) => (vector.length === 1 ? vector : vector.slice(first, end));
  const own = { ...node, inputs: [input], output, channels: end - first };
  return own.op === "step"
    ? { ...own, step: mapConstants(own.step, part) }
    : { ...own, quantizer: mapVectors(own.quantizer, part) };
}

/**
 * Moves max pools of real numbers behind the quantizers that read them, since integers can only compare codes: of a function that never falls, the greatest
 * value is that of the greatest number, exactly, in every rounding. Batch norm, ReLU and the like may stand before the pool or, with factors above 0,
 * between it and the quantizer. Pools that no such quantizer reads stay where they are, for `supported.ts` to refuse. Notes name what was moved.
 */
export function movePools(graph: Graph): { graph: Graph; notes: string[] } {
  const form = forms(graph);
  const fresh = freshNames(valueNames(graph));
  const nodes: Node[] = [];
  const notes = new Set<string>();
  /** Of pooled values that still are real numbers: what they are pooled from, and by which pools. */
  const waiting = new Map<string, { from: string; pools: MaxpoolNode[] }>();

  const pool = (from: string, pools: readonly MaxpoolNode[], output: string): void => {
    for (const [i, each] of pools.entries()) {
      const to = i === pools.length - 1 ? output : fresh(`${output}_pooled`);
      nodes.push({ ...each, inputs: [from], output: to });
      from = to;
    }
  };
  /** Puts the pools of a value where they were, for those who read it as it is. */
  const settle = (value: string): void => {
    const held = waiting.get(value);
    if (!held) return;
    waiting.delete(value);
    pool(held.from, held.pools, value);
  };

  for (const node of graph.nodes) {
    const [input] = node.inputs as [string];
    const held = waiting.get(input);
    if (node.op === "maxpool" && form.get(input)!.kind === "real") {
      waiting.set(node.output, { from: held?.from ?? input, pools: [...(held?.pools ?? []), node] });
    } else if (held && neverFalls(node)) {
      const from = fresh(`${node.output}_unpooled`);
      nodes.push({ ...node, inputs: [held.from], output: from });
      if (node.op === "quantize") {
        pool(from, held.pools, node.output);
        for (const { name } of held.pools) notes.add(`max pool "${name}" is computed behind quantizer "${node.name}"`);
      } else waiting.set(node.output, { from, pools: held.pools });
    } else {
      node.inputs.forEach(settle);
      nodes.push(node);
    }
  }
  graph.outputs.forEach(settle);
  return notes.size === 0 ? { graph, notes: [] } : { graph: { ...graph, nodes }, notes: [...notes] };
}

/** Whether greater numbers never become lesser ones, in any channel. */
function neverFalls(node: Node): boolean {
  if (node.op === "quantize") return node.quantizer.scale.every((scale) => scale > 0);
  if (node.op !== "step") return false;
  const { channels, step } = node;
  return Array.from({ length: channels }, (_, c) => direction(step, c)).every((each) => each === 1 || each === 0);
}
