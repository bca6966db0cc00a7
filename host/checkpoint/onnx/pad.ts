import { Refusal } from "../refusal.ts";
import {
  axisOf,
  type Call,
  constantOperand,
  integers,
  NO_PADDING,
  type Padding,
  requireFinite,
  shapeText,
  type Value,
} from "./call.ts";
import { pictureOperand, sized } from "./conv.ts";

/**
 * Pad(X, pads, value, axes): zeros around pictures, which a Conv takes as its padding. `pads` are all before, then all after; an attribute before
 * operator set 11, as the value is.
 */
export function pad(call: Call): Value {
  const x = pictureOperand(call, 0);
  const mode = call.attributes.text("mode") ?? "constant";
  if (mode !== "constant") throw new Refusal(`mode "${mode}"`, "a Pad with zeros");
  const value = call.inputs[2] ? constantOperand(call, 2, "value") : undefined;
  if (value) requireFinite(call, value);
  const filled = value?.data[0] ?? call.attributes.float("value") ?? 0;
  if (filled !== 0) throw new Refusal(`it pads with ${filled}`, "a Pad with zeros");
  const rank = x.dims.length;
  const axes = integers(call, "axes", 3) ?? x.dims.map((_, axis) => axis);
  const pads = (call.inputs[1] ? [...constantOperand(call, 1, "pads").data] : call.attributes.ints("pads")) ?? [];
  if (pads.length !== 2 * axes.length) {
    throw new Refusal(`${pads.length} pads for ${axes.length} axes`, "two for each axis");
  }
  const added: Padding = { ...NO_PADDING };
  for (const [i, each] of axes.entries()) {
    const [before, after] = [pads[i]!, pads[axes.length + i]!];
    if (!(Number.isInteger(before) && Number.isInteger(after) && before >= 0 && after >= 0)) {
      throw new Refusal(`pads [${pads}]`, "whole numbers of at least 0");
    }
    const axis = x.picture.axes[axisOf(call, each, rank) - (rank - x.picture.axes.length)];
    if (axis === "h") [added.top, added.bottom] = [before, after];
    else if (axis === "w") [added.left, added.right] = [before, after];
    else if (before + after > 0) {
      throw new Refusal(
        `it pads ${axis === "c" ? "channels" : "samples"} of ${shapeText(x.dims)}`,
        "padding of positions",
      );
    }
  }
  const { height, width, channels } = x.picture;
  const grown = { height: height + added.top + added.bottom, width: width + added.left + added.right, channels };
  const { top, left, bottom, right } = x.padded ?? NO_PADDING;
  const padded = {
    top: added.top + top,
    left: added.left + left,
    bottom: added.bottom + bottom,
    right: added.right + right,
  };
  return { ...x, ...sized(x, grown), padded };
}
