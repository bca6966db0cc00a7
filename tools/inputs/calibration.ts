import { InputError } from "../../host/base/errors.ts";
import type { GraphInput } from "../../host/graph/graph.ts";
import { inputPicture } from "../../host/graph/shapes.ts";
import { realOf, type UnitOptions, unitOf } from "../../host/numbers/unit.ts";
import { elementCount } from "../../host/shape.ts";
import { readChunks } from "../files/files.ts";
import { nameOf } from "../files/stdio.ts";
import { CHUNK_BYTES } from "./byte_stream.ts";
import type { Elements } from "./input.ts";
import { join, openInput } from "./read.ts";
import { fitRows } from "./rows.ts";

/** Rows read at a time. */
const PART_ROWS = 256;

/**
 * The type of a file's elements, and its first `limit` samples as the real numbers that a network takes, (rows, height, width, channels). Elements that are integers stand for what `unit`
 * declares; without one they could only be guessed, which is an InputError.
 */
export function readCalibration(
  path: string,
  input: GraphInput,
  unit: UnitOptions,
  limit: number,
): { dtype: Elements["dtype"]; numbers: Float32Array } {
  const name = nameOf(path);
  const file = openInput(readChunks(path, CHUNK_BYTES), name);
  try {
    const { rows: total, dtype, batches } = fitRows(file, input, name);
    const picture = inputPicture(input);
    const size = elementCount(picture);
    const rows = Math.min(total, limit);
    if (dtype !== "f32" && Object.keys(unit).length === 0) {
      throw new InputError(
        `${name}: elements are ${dtype}, expected f32 (real numbers), or --input-scale, --mean and --std, which say what they stand for`,
      );
    }
    const real = realOf(unitOf(unit, input.layout ? picture.channels : (input.shape[0] ?? 1)), picture.channels);
    const parts = function* () {
      let left = rows * size;
      for (const part of batches(PART_ROWS)) {
        const elements = part.subarray(0, left);
        left -= elements.length;
        yield dtype === "f32" ? elements : Float32Array.from(elements, (e, i) => real(e, i % picture.channels));
      }
    };
    return { dtype, numbers: join(parts(), "f32", rows * size, name) };
  } finally {
    file.close();
  }
}
