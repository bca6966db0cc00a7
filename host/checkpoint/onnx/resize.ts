import { CheckpointError } from "../../base/errors.ts";
import { MAX_ELEMENTS } from "../../base/limits.ts";
import { Refusal } from "../refusal.ts";
import { type Call, constantOperand, type Data, requireFinite, type Value } from "./call.ts";
import { pictureOperand, sized } from "./conv.ts";
import { emit } from "./emit.ts";

/** Upsample(X, scales), and Resize(X, roi, scales, sizes): nearest neighbours of whole factors. Operator set 10 has Resize(X, scales). */
export function resize(call: Call): Value {
  const x = pictureOperand(call, 0);
  const { attributes, opType, opset } = call;
  const isNew = opType === "Resize" && opset >= 11;
  const mode = attributes.text("mode") ?? "nearest";
  if (mode !== "nearest") throw new Refusal(`mode "${mode}"`, 'mode "nearest"');
  const factors = factorsOf(call, x, isNew);
  const size = (axis: "h" | "w") => {
    const at = x.picture.axes.indexOf(axis);
    return at < 0 ? 1 : factors[x.dims.length - x.picture.axes.length + at]!;
  };
  const [factorY, factorX] = [size("h"), size("w")];
  const product = factors.reduce((all, factor) => all * factor, 1);
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1) || product !== factorY * factorX) {
    throw new Refusal(`its factors are [${factors}]`, "whole factors, of height and width alone");
  }
  const { height, width, channels } = x.picture;
  if (height * width * channels * factorY * factorX > MAX_ELEMENTS) {
    throw new Refusal(
      `its result has ${height * factorY} × ${width * factorX} × ${channels} elements`,
      `at most ${MAX_ELEMENTS} elements`,
    );
  }
  if (isNew) {
    refuseOther(call, height, factorY);
    refuseOther(call, width, factorX);
  }
  const larger = sized(x, { height: height * factorY, width: width * factorX, channels });
  return emit(call, { ...x, ...larger }, [{ op: "upsample", factorY, factorX }]);
}

/** The factor of every axis of the file: from scales, which were attributes before operator set 9, or sizes; of some axes where the attribute `axes` names them. */
function factorsOf(call: Call, { dims, batch }: Data, isNew: boolean): number[] {
  const { attributes, opType, name, inputs } = call;
  const listed = attributes.ints("axes");
  const axes = listed?.map((axis) => (axis < 0 ? axis + dims.length : axis)) ?? dims.map((_, axis) => axis);
  const whole = (given: readonly number[], of: (number: number, axis: number) => number): number[] => {
    if (given.length !== axes.length || !axes.every((axis) => axis >= 0 && axis < dims.length)) {
      throw new CheckpointError(`${opType} "${name}": ${given.length} sizes or factors, expected ${axes.length}`);
    }
    const factors = dims.map(() => 1);
    for (const [i, axis] of axes.entries()) factors[axis] = of(given[i]!, axis);
    return factors;
  };
  const scalesAt = isNew ? 2 : 1;
  const isGiven = (index: number) =>
    inputs[index]?.kind === "data" || (inputs[index]?.kind === "constant" && inputs[index].data.length > 0);
  if (isGiven(scalesAt)) {
    const scales = constantOperand(call, scalesAt, "scales");
    requireFinite(call, scales);
    return whole([...scales.data], (scale) => scale);
  }
  if (isNew && isGiven(3)) {
    const policy = attributes.text("keep_aspect_ratio_policy") ?? "stretch";
    if (policy !== "stretch") throw new Refusal(`keep_aspect_ratio_policy "${policy}"`, "stretch, the usual one");
    const isBatch = (size: number, axis: number) => Number.isNaN(dims[axis]) && (Number.isNaN(size) || size === batch);
    const { data } = constantOperand(call, 3, "sizes");
    return whole([...data], (size, axis) => (isBatch(size, axis) ? 1 : size / dims[axis]!));
  }
  const scales = attributes.floats("scales");
  if (!scales) throw new CheckpointError(`${opType} "${name}": no scales and no sizes`);
  return whole(scales, (scale) => scale);
}

/** Refuses what picks another than the nearest position before: in one direction, of `size` positions, each repeated `factor` times. */
function refuseOther({ attributes }: Call, size: number, factor: number): void {
  const coordinates = attributes.text("coordinate_transformation_mode") ?? "half_pixel";
  const rounding = attributes.text("nearest_mode") ?? "round_prefer_floor";
  const length = size * factor;
  const place = PLACES[coordinates];
  const round = ROUNDED[rounding];
  const isPlain = (i: number) => {
    const nearest = Math.min(Math.max(round!(place!(i, factor, size)), 0), size - 1);
    return nearest === Math.floor(i / factor);
  };
  if (factor === 1 || (place && round && Array.from({ length }, (_, i) => i).every(isPlain))) return;
  throw new Refusal(
    `coordinates "${coordinates}" with nearest_mode "${rounding}" do not repeat every position ${factor} times`,
    'coordinate_transformation_mode "asymmetric" with nearest_mode "floor"',
  );
}

/** Where position `i` of the result lies in the input, by coordinate_transformation_mode. */
const PLACES: Record<string, (i: number, factor: number, size: number) => number> = {
  asymmetric: (i, factor) => i / factor,
  half_pixel: (i, factor) => (i + 0.5) / factor - 0.5,
  half_pixel_symmetric: (i, factor) => (i + 0.5) / factor - 0.5,
  pytorch_half_pixel: (i, factor, size) => (size * factor > 1 ? (i + 0.5) / factor - 0.5 : 0),
  tf_half_pixel_for_nn: (i, factor) => (i + 0.5) / factor,
  align_corners: (i, factor, size) => (size * factor > 1 ? (i * (size - 1)) / (size * factor - 1) : 0),
};

/** The position nearest to a place, by nearest_mode. */
const ROUNDED: Record<string, (place: number) => number> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
};
