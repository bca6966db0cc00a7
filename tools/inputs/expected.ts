import { InputError } from "../../host/base/errors.ts";
import type { Output } from "../../host/index.ts";
import { readChunks } from "../files/files.ts";
import { nameOf } from "../files/stdio.ts";
import { CHUNK_BYTES } from "./byte_stream.ts";
import { openInput, readAll } from "./read.ts";
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
  const input = openInput(readChunks(path, CHUNK_BYTES), file);
  const expected = (() => {
    try {
      if (input.shape[0] !== samples || elementCount(input.shape) !== scores.length) {
        const found = `${formatShape(input.shape)}, expected ${scores.length / samples} scores of each of ${samples} samples`;
        throw new InputError(`${file}: outputs of shape ${found}`);
      }
      return readAll(input, file).data;
    } finally {
      input.close();
    }
  })();
  const channels = scores.length / samples;
  const differences = Float64Array.from(scores, (score, i) => Math.abs(score - expected[i]!));
  const at = differences.reduce((most, difference, i) => (difference > differences[most]! ? i : most), 0);
  const answerOf = (list: ArrayLike<number>, sample: number) => {
    const own = Array.prototype.slice.call(list, sample * channels, (sample + 1) * channels) as number[];
    return own.indexOf(Math.max(...own));
  };
  return {
    ...{ file, numbers: scores.length, tolerance, samples },
    beyond: differences.filter((difference, i) => difference > tolerance * (1 + Math.abs(expected[i]!))).length,
    greatest: {
      ...{ difference: differences[at]!, sample: Math.floor(at / channels), channel: at % channels },
      ...{ found: scores[at]!, expected: expected[at]! },
    },
    sameAnswers: Array.from({ length: samples }, (_, s) => s).filter(
      (s) => answerOf(scores, s) === answerOf(expected, s),
    ).length,
  };
}
