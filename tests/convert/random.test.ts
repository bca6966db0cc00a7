import { afterAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { tilingOf } from "../../host/blob/tiles.ts";
import { type Conversion, convert } from "../../host/convert.ts";
import type { InputDtype } from "../../host/lower/input.ts";
import type { Op, Program } from "../../host/program.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { type Difference, verify } from "../../host/verify.ts";
import { randomOnnx, randomPictureOnnx, randomPlainOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";
import { disposeAll, openSessions } from "../sessions.ts";

const SEEDS = seedCount(340);
const DTYPES: InputDtype[] = ["u8", "i8", "i16", "f32"];
/** The least input, the greatest, and random ones. */
const ROWS = 10;

describe(`random QONNX files of seeds 0 … ${SEEDS - 1}`, () => {
  const seen = new Set<string>();
  const refused: number[] = [];

  it.each(DTYPES)("compute what they mean in every session, %s inputs", async (dtype) => {
    for (let seed = DTYPES.indexOf(dtype); seed < SEEDS; seed += DTYPES.length) {
      const checkpoint = randomOnnx(seed);
      const conversion = await convertOrRefuse(checkpoint, dtype, seed);
      if (!conversion) {
        refused.push(seed);
        continue;
      }
      for (const feature of features(conversion.program)) seen.add(feature);
      expect(await differences(checkpoint, conversion, seed), `seed ${seed}`).toEqual([]);
    }
  });

  afterAll(() => {
    expect(refused.length, `refused seeds: ${refused}`).toBeLessThan(0.03 * SEEDS);
    expect(FEATURES.filter((feature) => !seen.has(feature))).toEqual([]);
  });
});

/** Kinds of files of which some may be refused: how they are made, how many are tried, and the part of them that must be converted. */
const KINDS = {
  "files of plain ops": { make: randomPlainOnnx, seeds: seedCount(60), least: 0.97 },
  "convolutional files": { make: randomPictureOnnx, seeds: seedCount(300), least: 0.9 },
};

describe.each(Object.entries(KINDS))("random %s", (_, { make, seeds, least }) => {
  it.each(DTYPES)("compute what they mean in every session, %s inputs", async (dtype) => {
    let converted = 0;
    for (let seed = DTYPES.indexOf(dtype); seed < seeds; seed += DTYPES.length) {
      const checkpoint = make(seed);
      const conversion = await convertOrRefuse(checkpoint, dtype, seed);
      if (!conversion) continue;
      expect(await differences(checkpoint, conversion, seed), `seed ${seed}`).toEqual([]);
      converted++;
    }
    expect(converted).toBeGreaterThan((least * seeds) / DTYPES.length - 1);
  });
});

/** Between the checkpoint and all sessions of its blob. */
async function differences(checkpoint: Uint8Array, { blob, program }: Conversion, seed: number): Promise<Difference[]> {
  const sessions = await openSessions(blob);
  const inputs = sampleInputs(program, ROWS, seed);
  const { sha256 } = program.description!.source;
  const found = verify({ blob: program, checkpoint, sha256, sessions, inputs }).differences;
  disposeAll(sessions);
  return found;
}

async function convertOrRefuse(bytes: Uint8Array, dtype: InputDtype, seed: number): Promise<Conversion | undefined> {
  try {
    return await convert(bytes, { input: { dtype }, maxRows: 1 + (seed % 13) });
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw new Error(`seed ${seed}`, { cause: error });
    console.log(`seed ${seed}: ${error.message}`);
    return undefined;
  }
}

/** What must have been tried. */
const FEATURES = [
  ...["binary", "ternary", "int2", "int3", "int4", "int8"].map((dtype) => `${dtype} weights`),
  ...["quantize by thresholds", "quantize by lookup", "quantize by requantize floor"],
  ...["dense by thresholds", "dense by requantize floor", "dense by requantize half-even", "dense"],
  ...["argmax", "argmax of scores", "rising steps", "falling steps", "steps per channel", "bits", "several tiles"],
  ...["scores", "softmax", "codes", "index", "two outputs"],
];

function features(program: Program): string[] {
  const { ops, tensors, outputs, description } = program;
  return [
    ...ops.flatMap(featuresOf),
    ...(ops.some((op) => tilingOf(program, op).tiles > 1) ? ["several tiles"] : []),
    ...(tensors.some(({ dtype }) => dtype === "bit") ? ["bits"] : []),
    ...description!.outputs.flatMap(({ kind, softmax }) => (softmax ? [kind, "softmax"] : [kind])),
    ...(outputs.length === 2 ? ["two outputs"] : []),
  ];
}

function featuresOf(op: Op): string[] {
  if (op.kind === "argmax") return [op.post ? "argmax of scores" : "argmax"];
  const { kind, post } = op;
  const weights = kind === "dense" ? [`${op.dtype} weights`] : [];
  if (!post) return [...weights, kind];
  const result = [...weights, `${kind} by ${post.kind}${post.kind === "requantize" ? ` ${post.rounding}` : ""}`];
  if (post.kind === "thresholds") {
    if (post.ups.some((ups) => ups > 0)) result.push("rising steps");
    if (post.ups.some((ups) => ups < post.count)) result.push("falling steps");
    if (post.records > 1) result.push("steps per channel");
  }
  return result;
}
