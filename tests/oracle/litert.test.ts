import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { KERNELS, type Kernels } from "../../host/checkpoint/tflite/kernels.ts";
import { readModel } from "../../host/checkpoint/tflite/model.ts";
import { convert } from "../../host/convert.ts";
import { v8 } from "../../host/engines/v8.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import { realOf } from "../../host/numbers/unit.ts";
import { load } from "../../host/run/session.ts";
import { encode } from "../checkpoint/tflite/build.ts";
import { isOfTflm, positionsFirst, randomNet, randomRows } from "../checkpoint/tflite/random.ts";
import { DATA } from "../data.ts";
import { Random } from "../graph/random.ts";
import { MODULE } from "../sessions.ts";
import { describeUnless } from "../skip.ts";
import { type Case, interpreted, missing } from "./litert.ts";

const NETS = 200;
const ROWS = 4;
/** Rows of a network that the evaluator computes, which takes longer than a module. */
const EVALUATED = 20;

/** Networks of TERN_DATA, and rows to try of each. person_detect loads in tflite-micro alone. */
const FILES: [file: string, rows: number, kernels: Kernels][] = [
  ["mlperf_tiny/ad01_int8.tflite", 400, "litert"],
  ["mlperf_tiny/pretrainedResnet_quant.tflite", 200, "litert"],
  ["mltk/keyword_spotting_on_off.tflite", 200, "litert"],
  ["mltk/tflite_micro_magic_wand.tflite", 200, "litert"],
  ["tflm/hello_world_int8.tflite", 256, "litert"],
  ["tflm/micro_speech_quantized.tflite", 200, "litert"],
  ["tflm/hello_world_int8.tflite", 256, "tflm"],
  ["tflm/micro_speech_quantized.tflite", 200, "tflm"],
  ["tflm/person_detect.tflite", 200, "tflm"],
];

/** The numbers of a file's output as the file has them: codes of int8, or f32. */
function shown(file: Uint8Array, numbers: Float32Array): Uint8Array {
  const { tensors, outputs } = readModel(file);
  const { type, scale, zero } = tensors[outputs[0]!]!;
  const code = (x: number) => Math.round(x / scale[0]!) + zero[0]!;
  const found =
    type === "INT8" ? Int8Array.from(numbers, code) : type === "UINT8" ? Uint8Array.from(numbers, code) : numbers;
  return new Uint8Array(found.buffer);
}

/** What the graph of a file computes. */
function evaluated(file: Uint8Array, rows: Case["rows"], kernels: Kernels = "litert"): Uint8Array {
  const { graph } = readCheckpoint(file, { kernels });
  const [input] = graph.inputs as [(typeof graph.inputs)[number]];
  const real = input.codes ? realOf(input.codes.unit, 1) : (x: number) => x;
  const size = input.shape.reduce((a, b) => a * b, 1);
  const numbers = Float32Array.from(rows, (x) => real(x, 0));
  return shown(file, evaluate(graph, [positionsFirst(input, numbers)], rows.length / size)[0]!);
}

describe.each(KERNELS)("interpreters compute what the evaluator does: %s", (kernels) => {
  describeUnless(missing(kernels), kernels, () => {
    it(`for ${NETS} random files`, { timeout: 120_000 }, () => {
      const cases: (Case & { seed: number })[] = [];
      for (let seed = 0; cases.length < NETS; seed++) {
        const net = randomNet(seed);
        if (kernels === "tflm" && !isOfTflm(net)) continue;
        cases.push({ seed, file: encode(net), rows: randomRows(net, ROWS, seed) });
      }
      const expected = interpreted(cases, kernels);
      for (const [i, { seed, file, rows }] of cases.entries()) {
        expect(evaluated(file, rows, kernels), `seed ${seed}`).toEqual(new Uint8Array(expected[i]!));
      }
    });
  });
});

describeUnless(missing("litert"), "functions of single codes", () => {
  it.each(["LOGISTIC", "TANH", "RELU6"])("%s, of every code, at 200 scales", (op) => {
    const random = new Random(0);
    const cases = Array.from({ length: 200 }, (_, i) => {
      const type = i % 4 === 0 ? "UINT8" : "INT8";
      const min = type === "UINT8" ? 0 : -128;
      const codes = Array.from({ length: 256 }, (_, code) => min + code);
      const rows = type === "UINT8" ? Uint8Array.from(codes) : Int8Array.from(codes);
      const scales = () => [random.chance(0.2) ? 2 ** random.int(-9, 1) : Math.fround(0.002 + random.unit() ** 3)];
      const tensor = (name: string, scale: number[]) => ({
        name,
        shape: [1, 256],
        type,
        scale,
        zero: [random.int(min, min + 255)],
      });
      const tensors = [tensor("x", scales()), tensor("y", op === "LOGISTIC" ? [1 / 256] : scales())];
      const net = { tensors, operators: [{ op, inputs: [0], outputs: [1] }], inputs: [0], outputs: [1] };
      return { file: encode(net), rows };
    });
    const expected = interpreted(cases);
    for (const [i, { file, rows }] of cases.entries()) {
      expect(evaluated(file, rows), `file ${i}`).toEqual(new Uint8Array(expected[i]!));
    }
  });
});

const absent = FILES.map(([file]) => join(DATA, file)).find((path) => !existsSync(path));

describe.each(KERNELS)("and for networks of others: %s", (kernels) => {
  const files = FILES.filter(([, , whose]) => whose === kernels);
  const check = async (path: string, count: number) => {
    const file = readFileSync(join(DATA, path));
    const { tensors, inputs } = readModel(file);
    const { shape, type } = tensors[inputs[0]!]!;
    const size = shape.reduce((a, b) => a * b, 1);
    const random = new Random(count);
    // noise of many widths, so that sums are of all sizes
    const code = (i: number) => {
      const width = 2 ** (1 + (Math.floor(i / size) % 8));
      return type === "INT8" ? random.int(-width, width - 1) : (random.unit() - 0.5) * 24 * width;
    };
    const numbers = Array.from({ length: count * size }, (_, i) => code(i));
    const rows = type === "INT8" ? Int8Array.from(numbers) : Float32Array.from(numbers);
    const [expected] = interpreted([{ file, rows }], kernels);
    const { blob } = await convert(file, { kernels });
    const session = await load({ module: MODULE, blob, engine: v8 });
    const [output] = session.run([rows]);
    session.dispose();
    expect(shown(file, output!.scores), "the blob").toEqual(new Uint8Array(expected!));
    const few = rows.subarray(0, EVALUATED * size);
    const found = evaluated(file, few, kernels);
    expect(found, "the evaluator").toEqual(new Uint8Array(expected!.subarray(0, found.length)));
  };
  describeUnless(missing(kernels) ?? (absent && `needs ${absent}, or TERN_DATA`), kernels, () => {
    it.each(files)("%s, %i rows", { timeout: 600_000 }, check);
  });
});
