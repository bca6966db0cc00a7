import { CheckpointError } from "../../base/errors.ts";
import { type PaddedWindow, windowSize } from "../../graph/ops/window.ts";
import type { Picture } from "../../shape.ts";
import { Refusal } from "../refusal.ts";
import { weightsOf } from "../weights.ts";
import { isExtent, MAX_EXTENT, samePadding, widened } from "../window.ts";
import {
  type Call,
  type Constant,
  constantOperand,
  type Data,
  dataOperand,
  requireFinite,
  shapeText,
  type Value,
} from "./call.ts";
import { emit, type Piece, transposeConstant } from "./emit.ts";
import { type Axis, type Pictured, rowOf } from "./picture.ts";

/** A data operand that is a picture, its channels in axis 1 of the file. */
export function pictureOperand(call: Call, index: number): Data & { picture: Pictured } {
  const x = dataOperand(call, index);
  const { picture } = x;
  if (!picture || picture.flat)
    throw new Refusal(`its input has shape ${shapeText(x.dims)}`, "a batch of pictures, [N, C, H, W]");
  if (picture.axes[0] !== "c") {
    throw new Refusal(
      `its input is laid out [N, ${picture.axes.join(", ").toUpperCase()}]`,
      "a Transpose to [N, C, H, W] before it",
    );
  }
  return { ...x, picture };
}

/** Where a picture stays one, with other sizes: dims and picture of the result. */
export function sized(x: Data & { picture: Pictured }, size: Picture): Pick<Data, "dims"> & { picture: Pictured } {
  const picture = { ...x.picture, ...size };
  return { dims: [...x.dims.slice(0, x.dims.length - picture.axes.length), ...rowOf(picture)], picture };
}

/**
 * The window of a Conv or a pool with a kernel of these sizes: attributes strides, dilations, pads (all before, then all after) and auto_pad, one number for each
 * axis of positions.
 */
export function windowOf(call: Call, kernel: readonly number[], { axes, height, width }: Pictured): PaddedWindow {
  const spatial = axes.slice(1);
  const { attributes } = call;
  if (kernel.length !== spatial.length) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": a kernel of ${kernel.length} axes, expected ${spatial.length}`,
    );
  }
  const list = (name: string, length: number, usual: number): number[] => {
    const given = attributes.ints(name) ?? new Array<number>(length).fill(usual);
    if (given.length !== length || !given.every((each) => isExtent(each, usual))) {
      throw new CheckpointError(
        `${call.opType} "${call.name}": ${name} [${given}], expected ${length} integers from ${usual} to ${MAX_EXTENT}`,
      );
    }
    return given;
  };
  const [strides, dilations] = [list("strides", spatial.length, 1), list("dilations", spatial.length, 1)];
  const given = list("pads", 2 * spatial.length, 0);
  const auto = attributes.text("auto_pad") ?? "NOTSET";
  const direction = (axis: Axis, size: number) => {
    const i = spatial.indexOf(axis);
    if (i < 0) return { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
    const own = { kernel: kernel[i]!, stride: strides[i]!, dilation: dilations[i]! };
    if (auto === "NOTSET" || auto === "") return { ...own, before: given[i]!, after: given[spatial.length + i]! };
    const total = auto === "VALID" ? 0 : samePadding(size, own.kernel, own.stride, own.dilation);
    const less = Math.floor(total / 2);
    return auto === "SAME_LOWER"
      ? { ...own, before: total - less, after: less }
      : { ...own, before: less, after: total - less };
  };
  if (!["NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(auto))
    throw new Refusal(`auto_pad "${auto}"`, "pads");
  const [y, x] = [direction("h", height), direction("w", width)];
  return {
    kernelHeight: y.kernel,
    kernelWidth: x.kernel,
    strideY: y.stride,
    strideX: x.stride,
    dilationY: y.dilation,
    dilationX: x.dilation,
    padTop: y.before,
    padLeft: x.before,
    padBottom: y.after,
    padRight: x.after,
  };
}

/** Conv(X, W, B): W is (M, C / group, kernel). Zeros that a Pad put around X become padding. */
export function conv(call: Call): Value {
  const { padded, ...x } = pictureOperand(call, 0);
  const constant = constantOperand(call, 1, "weights");
  requireFinite(call, constant);
  const [outputs, inputs, ...kernel] = constant.dims as [number, number, ...number[]];
  const groups = call.attributes.int("group") ?? 1;
  if (!(inputs * groups === x.picture.channels && groups >= 1 && outputs % groups === 0 && constant.data.length > 0)) {
    const what = `weights of shape ${shapeText(constant.dims)} in ${groups} groups`;
    throw new CheckpointError(`${call.opType} "${call.name}": ${shapeText(x.dims)} by ${what}`);
  }
  const shape = call.attributes.ints("kernel_shape");
  if (shape && `${shape}` !== `${kernel}`) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": kernel_shape [${shape}] of weights ${shapeText(constant.dims)}`,
    );
  }
  const window = windowOf(call, kernel, x.picture);
  const size = { ...windowSize(window, x.picture), channels: outputs };
  if (size.height < 1 || size.width < 1) {
    throw new CheckpointError(
      `${call.opType} "${call.name}": a kernel of ${kernel.join(" × ")} does not fit ${shapeText(x.dims)}`,
    );
  }
  const { weights, notes } = weightsOf(tapByTap(call, constant), call.sink.keepsFloats);
  call.sink.notes.push(...notes);
  const pieces: Piece[] = [{ op: "conv2d", weights, window: widened(window, padded), groups }];
  if (call.inputs[2]) pieces.push({ op: "step", step: { kind: "add", by: biasOf(call, outputs) } });
  return emit(call, { ...x, ...sized(x, size) }, pieces);
}

/** (M, C, kernel …) as (M, kernel … · C). */
function tapByTap(call: Call, constant: Constant): Constant {
  const spatial = constant.dims.map((_, axis) => axis).slice(2);
  const moved = transposeConstant(call, constant, [0, ...spatial, 1]);
  return { ...moved, dims: [constant.dims[0]!, constant.data.length / constant.dims[0]!] };
}

function biasOf(call: Call, outputs: number): Float64Array {
  const bias = constantOperand(call, 2, "bias");
  requireFinite(call, bias);
  if (bias.data.length === outputs) return bias.data;
  throw new CheckpointError(
    `${call.opType} "${call.name}": a bias of ${bias.data.length} numbers, expected ${outputs}`,
  );
}
