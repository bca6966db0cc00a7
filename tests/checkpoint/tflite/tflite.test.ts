import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { KERNELS, type Kernels } from "../../../host/checkpoint/tflite/kernels.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { realOf } from "../../../host/numbers/unit.ts";
import { expectAgreement } from "../../lower/agree.ts";
import { seedCount } from "../../seeds.ts";
import { encode, type Net } from "./build.ts";
import { interpret } from "./interpreter.ts";
import { isOfTflm, positionsFirst, randomNet, randomRows } from "./random.ts";

/** What the graph of a file computes of rows of codes: every value of codes by its name, and the first output. Files come as Node reads them. */
function evaluated(net: Net, rows: Int8Array | Uint8Array, count: number, kernels: Kernels) {
  const { graph } = readCheckpoint(Buffer.from(encode(net)), { kernels });
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
  it.each(KERNELS)("mean what the interpreter computes, in every tensor: %s", (kernels) => {
    let [compared, refused] = [0, 0];
    for (let seed = 0; seed < seedCount(1000); seed++) {
      const net = randomNet(seed);
      if (kernels === "tflm" && !isOfTflm(net)) {
        expect(() => readCheckpoint(encode(net), { kernels }), `seed ${seed}`).toThrow(UnsupportedError);
        refused++;
        continue;
      }
      const rows = randomRows(net, 2, seed);
      const size = rows.length / 2;
      const { seen } = evaluated(net, rows, 2, kernels);
      const truth = [rows.subarray(0, size), rows.subarray(size)].map((row) => interpret(net, row, kernels));
      for (const { op, outputs } of net.operators) {
        const { name, zero } = net.tensors[outputs[0]!]!;
        const codes = seen.get(name) ?? seen.get(`${name}_codes`);
        if (!codes || op === "SOFTMAX") continue;
        const expected = truth.flatMap((values) => Array.from(values.get(outputs[0]!)!, (q) => q - zero![0]!));
        expect(Array.from(codes), `seed ${seed}, ${op} ${name}`).toEqual(expected);
        compared += codes.length;
      }
    }
    expect(compared).toBeGreaterThan((kernels === "tflm" ? 10 : 50) * seedCount(1000));
    expect(refused).toBeLessThan(0.8 * seedCount(1000));
  });

  it("become programs that compute the same", () => {
    for (let seed = 0; seed < seedCount(300); seed++) {
      const net = randomNet(seed);
      const { graph } = readCheckpoint(encode(net));
      expectAgreement(graph, randomRows(net, 3, seed));
    }
  });
});
