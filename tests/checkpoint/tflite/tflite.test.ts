import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { realOf } from "../../../host/numbers/unit.ts";
import { expectAgreement } from "../../lower/agree.ts";
import { seedCount } from "../../seeds.ts";
import { encode, type Net } from "./build.ts";
import { interpret } from "./interpreter.ts";
import { positionsFirst, randomNet, randomRows } from "./random.ts";

/** What the graph of a file computes of rows of codes: every value of codes by its name, and the first output. */
function evaluated(net: Net, rows: Int8Array | Uint8Array, count: number) {
  const { graph } = readCheckpoint(encode(net));
  const real = realOf(graph.inputs[0]!.codes!.unit, 1);
  const seen = new Map<string, Float64Array>();
  const numbers = positionsFirst(
    graph.inputs[0]!,
    Float32Array.from(rows, (e) => real(e, 0)),
  );
  const [output] = evaluate(graph, [numbers], count, (value, codes) => seen.set(value, codes));
  return { graph, seen, output: output! };
}

describe(`random files of ${seedCount(1000)} seeds`, () => {
  it("mean what the interpreter computes, in every tensor", () => {
    let compared = 0;
    for (let seed = 0; seed < seedCount(1000); seed++) {
      const net = randomNet(seed);
      const rows = randomRows(net, 2, seed);
      const size = rows.length / 2;
      const { seen } = evaluated(net, rows, 2);
      const truth = [rows.subarray(0, size), rows.subarray(size)].map((row) => interpret(net, row));
      for (const { op, outputs } of net.operators) {
        const { name, zero } = net.tensors[outputs[0]!]!;
        const codes = seen.get(name) ?? seen.get(`${name}_codes`);
        if (!codes || op === "SOFTMAX") continue;
        const expected = truth.flatMap((values) => Array.from(values.get(outputs[0]!)!, (q) => q - zero![0]!));
        expect(Array.from(codes), `seed ${seed}, ${op} ${name}`).toEqual(expected);
        compared += codes.length;
      }
    }
    expect(compared).toBeGreaterThan(50 * seedCount(1000));
  });

  it("become programs that compute the same", () => {
    for (let seed = 0; seed < seedCount(300); seed++) {
      const net = randomNet(seed);
      const { graph } = readCheckpoint(encode(net));
      expectAgreement(graph, randomRows(net, 3, seed));
    }
  });
});
