import { existsSync, readFileSync } from "node:fs";
import { UnsupportedError } from "../../host/base/errors.ts";
import { convert } from "../../host/convert.ts";
import type { InputDtype } from "../../host/lower/input.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import type { InputRows } from "../../host/run/session.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { MNIST_IMAGES, TFC } from "../data.ts";
import { randomOnnx, randomPictureOnnx } from "../random_graph.ts";
import { DIGITS, IMAGES } from "../tools/tern.ts";

/** A model and inputs for it, whose outputs have a golden digest. */
export interface Case {
  /** Its name in digests.json. */
  name: string;
  /** In packings that every module runs. */
  blob: Uint8Array;
  inputs: InputRows[];
  /** Of the few that `npm test` runs where it is slow: on emulated machines. */
  few: boolean;
}

const PICTURES = 1000;
const FEW_PICTURES = 10;
const GRAPHS = 50;
const CONVOLUTIONAL = 20;
const FEW_GRAPHS = 1;
/** The least input, the greatest, and random ones. */
const GRAPH_ROWS = 10;
const DTYPES: InputDtype[] = ["u8", "i8", "i16", "f32"];
const SCALES = { u8: "1/255", i8: "1/128", i16: "1/32768", f32: 1 } as const;

/** The published checkpoint on the first test pictures of MNIST; none without these files. */
export async function tfcCases(): Promise<Case[]> {
  if (![TFC, MNIST_IMAGES].every((path) => existsSync(path))) return [];
  return pictureCases("TFC_1W1A", TFC, MNIST_IMAGES);
}

/** The example network on the first of its drawn digits. */
export function digitsCases(): Promise<Case[]> {
  return pictureCases("digits", DIGITS, IMAGES);
}

async function pictureCases(name: string, checkpoint: string, pictures: string): Promise<Case[]> {
  const { blob, program } = await convert(readFileSync(checkpoint), { file: checkpoint });
  const { channels } = program.tensors[program.inputs[0]!]!;
  const all = readInput(readFileSync(pictures), pictures).data as Uint8Array;
  return [PICTURES, FEW_PICTURES].map((rows) => ({
    name: `${name}, ${rows} pictures`,
    blob,
    inputs: [all.subarray(0, rows * channels)],
    few: rows === FEW_PICTURES,
  }));
}

/** The first random QONNX files of dense layers that can be converted, each with seeded inputs. */
export function graphCases(): Promise<Case[]> {
  return randomCases("graph", randomOnnx, GRAPHS);
}

/** Those of convolutions, pools, sums and joins. */
export function convolutionalCases(): Promise<Case[]> {
  return randomCases("convolutional graph", randomPictureOnnx, CONVOLUTIONAL);
}

async function randomCases(name: string, make: (seed: number) => Uint8Array, count: number): Promise<Case[]> {
  const cases: Case[] = [];
  for (let seed = 0; cases.length < count; seed++) {
    const dtype = DTYPES[seed % DTYPES.length]!;
    try {
      const { blob, program } = await convert(make(seed), {
        input: { dtype, scale: SCALES[dtype] },
        maxRows: 1 + (seed % 13),
      });
      const inputs = sampleInputs(program, GRAPH_ROWS, seed);
      cases.push({ name: `${name} ${seed}, ${dtype} inputs`, blob, inputs, few: cases.length < FEW_GRAPHS });
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
    }
  }
  return cases;
}
