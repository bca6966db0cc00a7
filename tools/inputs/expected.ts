import { InputError } from "../../host/base/errors.ts";
import type { Output } from "../../host/index.ts";
import { classOf } from "../../host/run/describe.ts";
import { nameOf } from "../files/stdio.ts";
import { readWhole } from "./samples.ts";
import { elementCount, formatShape } from "./shape.ts";

/** How a model's scores compare with those that another tool gave for the same samples. */
export interface Comparison {
  file: string;
  numbers: number;
  /** A number may differ by tolerance · (1 + |expected|). */
  tolerance: number;
  /** Numbers that differ by more. */
  beyond: number;
  /** The greatest difference, and where. */
  greatest: { difference: number; sample: number; channel: number; found: number; expected: number };
  /** Samples of which the greatest score is of the same channel. */
  sameAnswers: number;
  samples: number;
}

/** Compares scores of all samples with a .npy file of as many. Throws InputError for one of another shape. */
export function compareWithFile({ scores }: Output, samples: number, path: string, tolerance: number): Comparison {
  const file = nameOf(path);
  const channels = scores.length / samples;
  const { data: expected } = readWhole(path, ({ shape }) => {
    if (shape[0] === samples && elementCount(shape) === scores.length) return;
    const found = `${formatShape(shape)}, expected ${channels} scores of each of ${samples} samples`;
    throw new InputError(`${file}: outputs of shape ${found}`);
  });
  const differences = Float64Array.from(scores, (score, i) => Math.abs(score - expected[i]!));
  const at = differences.reduce((most, difference, i) => (difference > differences[most]! ? i : most), 0);
  const answersOf = (list: Float32Array) =>
    Array.from({ length: samples }, (_, sample) => classOf("greatest", list, sample, samples));
  const answers = answersOf(Float32Array.from(expected));
  return {
    ...{ file, numbers: scores.length, tolerance, samples },
    beyond: differences.filter((difference, i) => difference > tolerance * (1 + Math.abs(expected[i]!))).length,
    greatest: {
      ...{ difference: differences[at]!, sample: Math.floor(at / channels), channel: at % channels },
      ...{ found: scores[at]!, expected: expected[at]! },
    },
    sameAnswers: answersOf(scores).filter((answer, sample) => answer === answers[sample]).length,
  };
}
