import { CheckpointError } from "../../base/errors.ts";
import { Refusal } from "../refusal.ts";
import { type Call, integersOf, optionsOf } from "./call.ts";

/** Every so many entries of an axis. */
export interface Slice {
  start: number;
  step: number;
  count: number;
  /** The axis is left out of the result: one entry is. */
  shrinks: boolean;
}

/** What a STRIDED_SLICE takes of each axis of an operand, by its other operands and its masks (`reference/strided_slice_logic.h`). */
export function slicesOf(call: Call, shape: readonly number[]): Slice[] {
  const options = optionsOf(call, 32);
  const [begin, end, steps] = [1, 2, 3].map((i) => integersOf(call, i, "begin, end or strides")) as [
    number[],
    number[],
    number[],
  ];
  if (begin.length !== end.length || begin.length !== steps.length || begin.length > shape.length) {
    const found = `${begin.length} begins, ${end.length} ends and ${steps.length} strides`;
    throw new CheckpointError(`operator "${call.name}": ${found} of ${shape.length} axes`);
  }
  const [begins, ends, ellipsis, newAxis, shrinks] = [0, 1, 2, 3, 4].map((field) => {
    const mask = options.number(field, "i32");
    return (axis: number) => axis < begin.length && ((mask >> axis) & 1) === 1;
  }) as [Mask, Mask, Mask, Mask, Mask];
  return shape.map((size, axis): Slice => {
    if (ellipsis(axis) || newAxis(axis) || options.flag(5)) {
      throw new Refusal(
        "it has an ellipsis, a new axis or ends relative to begins",
        "a begin and an end for each axis",
      );
    }
    const step = axis < begin.length && !shrinks(axis) ? steps[axis]! : 1;
    if (step < 1) throw new Refusal(`its stride of axis ${axis} is ${step}`, "strides of 1 or more");
    const within = (index: number) => Math.min(Math.max(index < 0 ? index + size : index, 0), size);
    const start = axis >= begin.length || begins(axis) ? 0 : within(begin[axis]!);
    const last = axis >= begin.length || ends(axis) ? size : within(end[axis]!);
    const stop = shrinks(axis) ? Math.min(start + 1, size) : last;
    const count = Math.ceil((stop - start) / step);
    if (count < 1)
      throw new CheckpointError(`operator "${call.name}": it takes nothing of axis ${axis}, of size ${size}`);
    return { start, step, count, shrinks: shrinks(axis) };
  });
}

type Mask = (axis: number) => boolean;
