import { UnsupportedError } from "../base/errors.ts";
import { APPLIED, MAX_PORTS, MAX_STEPS } from "../base/limits.ts";
import { checkGraph } from "../graph/check.ts";
import { type Codes, type Form, forms } from "../graph/form.ts";
import type { ArgmaxNode, DenseNode, Graph } from "../graph/graph.ts";
import type {
  ActivationDtype,
  Description,
  Op,
  OpDescription,
  Program,
  Requantize,
  TensorDescription,
  Thresholds,
} from "../program.ts";
import type { Shape } from "../shape.ts";
import { planArena } from "./arena.ts";
import { type Budget, type Chain, isUniform, lookupTable } from "./chain.ts";
import { weightDtype } from "./dense.ts";
import { describeInput, describeOutput } from "./description.ts";
import {
  codeCount,
  codeElements,
  type Elements,
  indexElements,
  inputElements,
  MAX_CODES,
  reachedCodes,
  realElements,
  sumElements,
} from "./elements.ts";
import { decideInput, type InputMeaning, type InputOptions } from "./input.ts";
import { type Plan, planTensors } from "./plan.ts";
import { makePost } from "./post.ts";
import { Reasons } from "./reasons.ts";
import { fixedScores } from "./scores.ts";

export interface LowerOptions {
  /** Elements of all inputs, and what they stand for; `decideInput` reads from the graph what is left out. */
  input?: InputOptions;
  /** 64 if not given. */
  maxRows?: number;
  modelId: bigint;
  modelVersion: number;
  /** For the description; the name is the graph's if not given. */
  name?: string;
  source: Description["source"];
  converter: Description["converter"];
  classes?: string[];
}

const DEFAULT_MAX_ROWS = 64;

export interface Lowered {
  program: Program & { description: Description };
  /** For people: choices that cost something. */
  notes: string[];
}

/**
 * Graph → program. What stands between an integer and the next code is one function of one integer per channel, and it is
 * evaluated on integers to find its steps: so program and graph agree by construction. Same graph and options, same program.
 * Throws UnsupportedError with all that stands in the way.
 */
export function lower(graph: Graph, options: LowerOptions): Lowered {
  checkGraph(graph);
  checkPorts(graph);
  const budget = applications(graph);
  const form = forms(graph);
  const plan = planTensors(graph, form);
  const first = graph.inputs.map(({ name }) => plan.first.get(name)!);
  const meanings = graph.inputs.map((input, i) => decideInput(input, plan.chain(first[i]!).links, options.input));
  const elements = describeElements(graph, form, plan, meanings);

  const tensors: Shape[] = [];
  const described: (TensorDescription | null)[] = [];
  const tensorOf = new Map<string, number>();
  const ops: Op[] = [];
  const names: OpDescription[] = [];
  const notes = meanings.flatMap((meaning) => meaning.notes);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const outputs = graph.outputs.map((name) => describeOutput(name, plan, form, elements, options.classes));
  const shown = new Set(outputs.map(({ value }) => value));

  const addTensor = (value: string): number => {
    const { dtype, channels, offset } = elements.get(value)!;
    const index = tensors.push(vector(dtype, channels)) - 1;
    tensorOf.set(value, index);
    described.push(inputs.has(value) ? null : { value, offset });
    return index;
  };

  const addOp = (op: Op, name: OpDescription): void => {
    ops.push(op);
    names.push(name);
  };

  const addDense = (node: DenseNode, output: string, post?: Thresholds | Requantize): void => {
    const op: Op = {
      kind: "dense",
      inputs: [tensorOf.get(plan.sameCodes(node.input))!],
      output: addTensor(output),
      dtype: weightDtype(node),
      weights: Int8Array.from(node.weights.codes),
      ...(post && { post }),
    };
    addOp(op, { node: node.name, weights: node.weights.name });
  };

  /** The op that makes codes: from the tensor before them, or at the end of a dense node. */
  const addCodes = (value: string): void => {
    const { base, links } = plan.chain(value);
    const [from, to] = [elements.get(base)!, elements.get(value)!];
    const chain: Chain = { channels: to.channels, source: from.source, links, offset: to.offset };
    const quantizes = { node: links.at(-1)!.node.name };

    if ((from.dtype === "u8" || from.dtype === "i8") && isUniform(chain)) {
      const input = tensorOf.get(base)!;
      const table = lookupTable(chain, from.dtype, budget);
      const unchanged = from.dtype === to.dtype && isIdentity(table, from.dtype);
      if (unchanged && inputs.has(base) && !shown.has(value)) {
        tensorOf.set(value, input);
        described[input] = { value, offset: to.offset };
      } else {
        addOp(
          { kind: "quantize", inputs: [input], output: addTensor(value), post: { kind: "lookup", table } },
          quantizes,
        );
      }
      return;
    }

    const { post, note } = makePost(chain, from.dtype, to.dtype, budget);
    if (note) notes.push(`"${value}": ${note}`);
    const node = plan.definer(base);
    if (node?.op === "dense" && !plan.sums.has(base)) addDense(node, value, post);
    else addOp({ kind: "quantize", inputs: [tensorOf.get(base)!], output: addTensor(value), post }, quantizes);
  };

  /** Codes as accumulators, which is what an argmax reads: sums of a dense op whose weights are the identity. */
  const addSums = (codes: string, node: ArgmaxNode): number => {
    const { channels, offset } = elements.get(codes)!;
    if (channels ** 2 > MAX_STEPS) {
      const why = `it ranks ${channels} codes, whose sums take as many weights as their square`;
      const instead = `at most ${Math.sqrt(MAX_STEPS)} codes, or the scores that they are made from`;
      throw new UnsupportedError([{ node: node.name, op: "argmax", shape: `[${channels}]`, why, instead }]);
    }
    const output = tensors.push(vector("i32", channels)) - 1;
    described.push({ value: codes, offset });
    const weights = Int8Array.from({ length: channels ** 2 }, (_, i) => (i % (channels + 1) === 0 ? 1 : 0));
    const dtype = channels === 1 ? "binary" : "ternary";
    addOp({ kind: "dense", inputs: [tensorOf.get(codes)!], output, dtype, weights }, { node: node.name });
    return output;
  };

  const addArgmax = (node: ArgmaxNode): void => {
    const { base, steps } = plan.tail(node.input);
    const value = plan.sameCodes(base);
    const [sums, baseForm] = [elements.get(value)!, form.get(base)!];
    const isCodes = baseForm.kind === "codes";
    const input = isCodes ? addSums(value, node) : tensorOf.get(value)!;
    const { post, note } = fixedScores(node, isCodes ? realElements(sums, baseForm) : sums, steps);
    if (note) notes.push(`"${node.output}": ${note}`);
    const op: Op = { kind: "argmax", inputs: [input], output: addTensor(node.output), ...(post && { post }) };
    addOp(op, { node: node.name });
  };

  // Inputs and their codes come first, so that a host may write codes and start behind these ops.
  const reasons = new Reasons();
  const begun = new Set(first);
  for (const { name } of graph.inputs) addTensor(name);
  for (const codes of first) reasons.collect(() => addCodes(codes));
  for (const node of plan.nodes) {
    if (node.op === "dense" && plan.sums.has(node.output)) addDense(node, node.output);
    if (node.op === "argmax") reasons.collect(() => addArgmax(node));
    if (plan.codes.has(node.output) && !begun.has(node.output)) reasons.collect(() => addCodes(node.output));
  }
  reasons.throwIfAny();

  const description: Description = {
    name: options.name ?? graph.name,
    source: options.source,
    converter: options.converter,
    inputs: graph.inputs.map((input, i) =>
      describeInput(input, meanings[i]!, plan.chain(first[i]!).links, tensorOf.get(first[i]!)!),
    ),
    outputs: outputs.map(({ output }) => output),
    ops: names,
    tensors: described,
  };
  const inputTensors = graph.inputs.map(({ name }) => tensorOf.get(name)!);
  const outputTensors = outputs.map(({ value }) => tensorOf.get(value)!);
  const program = {
    modelId: options.modelId,
    modelVersion: options.modelVersion,
    maxRows: options.maxRows ?? DEFAULT_MAX_ROWS,
    ...planArena(tensors, ops, inputTensors, outputTensors),
    ops,
    inputs: inputTensors,
    outputs: outputTensors,
    description,
  };
  return { program, notes };
}

/** A row that is one position. */
function vector(dtype: ActivationDtype, channels: number): Shape {
  return { dtype, height: 1, width: 1, channels };
}

function checkPorts({ name, inputs, outputs }: Graph): void {
  const reasons = Object.entries({ inputs, outputs })
    .filter(([, { length }]) => length > MAX_PORTS)
    .map(([op, { length }]) => {
      return { node: name, op, shape: "", why: `${length} of them`, instead: `at most ${MAX_PORTS}` };
    });
  if (reasons.length > 0) throw new UnsupportedError(reasons);
}

/** What looking for steps may cost in all of a graph. */
function applications(graph: Graph): Budget {
  const weights = graph.nodes.reduce((sum, node) => sum + (node.op === "dense" ? node.weights.codes.length : 0), 0);
  return { left: APPLIED.any + APPLIED.perWeight * weights };
}

/** Whether a lookup table gives every element as it is. */
function isIdentity(table: Int16Array, dtype: "u8" | "i8"): boolean {
  return table.every((code, byte) => code === (dtype === "i8" ? (byte << 24) >> 24 : byte));
}

/** What the tensor of every planned value holds, and the accumulators of fused dense nodes. */
function describeElements(
  graph: Graph,
  form: Map<string, Form>,
  plan: Plan,
  meanings: readonly InputMeaning[],
): Map<string, Elements> {
  const elements = new Map<string, Elements>();
  const reasons = new Reasons();
  for (const [i, input] of graph.inputs.entries()) {
    elements.set(input.name, inputElements(input, meanings[i]!.dtype, meanings[i]!.unit));
  }
  for (const node of plan.nodes) {
    const { output: value, channels } = node;
    if (plan.codes.has(value)) {
      reasons.collect(() => {
        const codes = form.get(value) as Codes;
        const { base, links } = plan.chain(value);
        const source = elements.get(base)?.source;
        const wide = source && codeCount(codes) > MAX_CODES;
        const held = wide ? reachedCodes(codes, { channels, source, links, offset: [0] }) : codes;
        elements.set(value, codeElements(node.name, channels, held, plan.bits.has(value)));
      });
    }
    const codes = elements.get(plan.sameCodes(node.input));
    if (node.op === "dense") reasons.collect(() => weightDtype(node));
    if (node.op === "dense" && codes) {
      reasons.collect(() => elements.set(value, sumElements(node, form.get(node.input) as Codes, codes)));
    }
    if (node.op === "argmax") elements.set(value, indexElements(plan.definer(node.input)!.channels));
  }
  reasons.throwIfAny();
  return elements;
}
