import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph } from "../../host/graph/graph.ts";
import { type Lowered, type LowerOptions, lower } from "../../host/lower/lower.ts";
import { realOf } from "../../host/numbers/unit.ts";
import { type Elements, runReference } from "../../host/reference/model.ts";
import { inputCodes, scores } from "../../host/run/describe.ts";
import { elementCount } from "../../host/shape.ts";
import { expectSame } from "../module/agree.ts";

export const OPTIONS: LowerOptions = {
  modelId: 1n,
  modelVersion: 1,
  source: { format: "test", file: "test", bytes: 0, sha256: "0".repeat(64) },
  converter: { version: "0", choices: {} },
};

/** Lowers a graph and holds the program against it: equal codes and accumulators in every tensor, equal outputs in every bit. */
export function expectAgreement(graph: Graph, elements: Elements, options: Partial<LowerOptions> = {}): Lowered {
  const lowered = lower(graph, { ...OPTIONS, ...options });
  const { program } = lowered;
  const { description } = program;
  const input = program.tensors[program.inputs[0]!]!;
  const rows = elements.length / elementCount(input);
  const real = realOf(description.inputs[0]!.unit, input.channels);
  const x = Float32Array.from(elements, (element, i) =>
    input.dtype === "f32" ? element : real(element, i % input.channels),
  );

  const traced = new Map<string, Float64Array>();
  const expected = evaluate(graph, [x], rows, (value, integers) => traced.set(value, integers));
  const { tensors } = runReference(program, [elements], rows);

  description.tensors.forEach((described, t) => {
    if (!described) return;
    const { channels } = program.tensors[t]!;
    const codes = Float64Array.from(
      tensors[t]!,
      (e, i) => e + described.offset[described.offset.length === 1 ? 0 : i % channels]!,
    );
    expectSame(codes, traced.get(described.value)!, `${graph.name}, tensor ${t}: ${described.value}`);
  });
  program.outputs.forEach((t, i) => {
    const found = scores(description.outputs[i]!, program.tensors[t]!, tensors[t]!);
    expectSame(bitsOf(found), bitsOf(expected[i]!), `${graph.name}, output ${i}`);
  });
  const codes = description.inputs[0]!.codes;
  expectSame(inputCodes(description, 0, program.tensors[codes]!, x), tensors[codes]!, `${graph.name}, inputs`);
  return lowered;
}

function bitsOf(scores: Float32Array): Uint32Array {
  return new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
}
