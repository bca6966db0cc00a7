import { expect, it } from "vitest";
import { CheckpointError, InputError, TernError, UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { decodeModel } from "../../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../../host/convert.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { loadReference } from "../../../host/run/session.ts";
import { verify } from "../../../host/verify.ts";
import { projectText } from "../../blob/spec.ts";
import { cpuMilliseconds } from "../../cpu.ts";
import { DIGITS, IMAGES } from "../../digits.ts";
import { seedCount } from "../../seeds.ts";
import { f32, writeSafetensors } from "../safetensors_file.ts";
import { compute } from "./definition.ts";
import { fileOf, numbers, tensorsOf } from "./tensors.ts";

const ROWS = 5;

const CODES = { bits: 4, signed: true, scale: 0.125 };
const vector = (size: number) => ({ shape: [size], quantizer: CODES });
const picture = (...shape: number[]) => ({ shape, quantizer: CODES });
const dense = (fields = {}) => ({ op: "dense", name: "fc", weights: "ternary", ...fields });
const conv = (fields = {}) => ({ op: "conv2d", name: "conv", weights: 4, ...fields });
const depthwise = (fields = {}) => ({ op: "depthwise", name: "dw", weights: "ternary", ...fields });

/** Networks, and the shapes of their tensors. */
const NETWORKS: Record<string, [arch: object, shapes: Record<string, number[]>]> = {
  "dense, ternary": [{ input: vector(6), layers: [dense()] }, { "fc.weight": [4, 6] }],
  "dense with a bias": [
    { input: vector(6), layers: [dense()] },
    { "fc.weight": [4, 6], "fc.bias": [4] },
  ],
  "dense without the bias that is there": [
    { input: vector(6), layers: [dense({ tensors: { bias: false } })] },
    { "fc.weight": [4, 6], "fc.bias": [4] },
  ],
  "dense of Keras": [
    { input: vector(6), layers: [dense({ layout: "IO", tensors: { weight: "k", bias: "b" } })] },
    { k: [6, 4], b: [4] },
  ],
  "weights, ternary per channel": [
    { input: vector(6), layers: [dense({ weights: { as: "ternary", per: "channel" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights, ternary of a scale": [
    { input: vector(6), layers: [dense({ weights: { as: "ternary", scale: 0.5 } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights, ternary of the greatest": [
    { input: vector(6), layers: [dense({ weights: { as: "ternary", scale: "absmax" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights, binary": [{ input: vector(6), layers: [dense({ weights: "binary" })] }, { "fc.weight": [4, 6] }],
  "weights, binary as of XNOR-Net": [
    { input: vector(6), layers: [dense({ weights: { as: "binary", scale: "absmean", per: "channel" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights of 2 bits": [{ input: vector(6), layers: [dense({ weights: 2 })] }, { "fc.weight": [4, 6] }],
  "weights of 3 bits": [{ input: vector(6), layers: [dense({ weights: 3 })] }, { "fc.weight": [4, 6] }],
  "weights of 8 bits per channel": [
    { input: vector(6), layers: [dense({ weights: { as: 8, per: "channel" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights, codes": [
    { input: vector(6), layers: [dense({ weights: "codes", tensors: { weight: "codes" } })] },
    { codes: [4, 6] },
  ],
  "weights, codes of a quotient": [
    { input: vector(6), layers: [dense({ weights: { as: "codes", scale: "1/7" }, tensors: { weight: "codes" } })] },
    { codes: [4, 6] },
  ],
  "weights, codes of scales in the file": [
    {
      input: vector(6),
      layers: [dense({ weights: { as: "codes", scale: { tensor: "scale" } }, tensors: { weight: "codes" } })],
    },
    { codes: [4, 6], scale: [4, 1] },
  ],
  "weights, binary around their mean": [
    { input: vector(6), layers: [dense({ weights: { as: "binary", scale: "absmean", centred: true } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights of 2 bits around 0": [{ input: vector(6), layers: [dense({ weights: "2sym" })] }, { "fc.weight": [4, 6] }],
  "weights of 4 bits around 0, half the mean": [
    { input: vector(6), layers: [dense({ weights: { as: "4sym", scale: "absmean", times: "1/2" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights of 4 bits around 0, per channel of the greatest": [
    { input: picture(2, 5, 5), layers: [conv({ weights: { as: "4sym", scale: "absmax", per: "channel" } })] },
    { "conv.weight": [3, 2, 3, 3] },
  ],
  "weights of 4 bits around 0, of scales in the file": [
    { input: vector(6), layers: [dense({ weights: { as: "4sym", scale: { tensor: "scale" } } })] },
    { "fc.weight": [4, 6], scale: [4, 1] },
  ],
  "weights of 8 bits, a share of the mean": [
    { input: vector(6), layers: [dense({ weights: { as: 8, scale: "absmean", times: "1/32" } })] },
    { "fc.weight": [4, 6] },
  ],
  "weights, codes to divide": [
    {
      input: vector(6),
      layers: [
        dense({ weights: { as: "codes", scale: { tensor: "scale" }, divides: true }, tensors: { weight: "codes" } }),
      ],
    },
    { codes: [4, 6], scale: [4] },
  ],
  "ternary weights, four rows to a byte, of a scale that multiplies": [
    {
      input: vector(6),
      layers: [
        dense({
          weights: { as: "codes", scale: { tensor: "scale" } },
          packed: "rows-of-four",
          tensors: { weight: "packed" },
        }),
      ],
    },
    { packed: [2, 6], scale: [1] },
  ],
  "ternary weights, four rows to a byte, of a scale that divides": [
    {
      input: vector(6),
      layers: [
        dense({
          weights: { as: "codes", scale: { tensor: "scale" }, divides: true },
          packed: "rows-of-four",
          tensors: { weight: "packed" },
        }),
      ],
    },
    { packed: [3, 6], scale: [1] },
  ],
  "weights on a grid, no quantizer": [
    { input: vector(6), layers: [dense({ weights: undefined, tensors: { weight: "codes" } })] },
    { codes: [4, 6] },
  ],
  "one tensor for two layers": [
    {
      input: vector(6),
      layers: [
        dense(),
        { op: "quantize", ...CODES },
        dense({ name: "again", weights: "binary", tensors: { weight: "fc.weight" } }),
      ],
    },
    { "fc.weight": [6, 6] },
  ],
  conv2d: [
    { input: picture(2, 5, 6), layers: [conv()] },
    { "conv.weight": [3, 2, 3, 3], "conv.bias": [3] },
  ],
  "conv2d with stride, dilation and padding": [
    { input: picture(2, 8, 9), layers: [conv({ stride: [2, 1], dilation: [1, 2], padding: [1, 2, 0, 3] })] },
    { "conv.weight": [3, 2, 3, 2] },
  ],
  "conv2d, padded in both directions": [
    { input: picture(2, 5, 6), layers: [conv({ padding: [2, 1] })] },
    { "conv.weight": [3, 2, 3, 3] },
  ],
  "conv2d, same": [
    { input: picture(2, 6, 7), layers: [conv({ padding: "same", stride: 2 })] },
    { "conv.weight": [3, 2, 3, 4] },
  ],
  "conv2d, valid": [{ input: picture(2, 6, 7), layers: [conv({ padding: "valid" })] }, { "conv.weight": [3, 2, 3, 4] }],
  "conv2d in groups": [
    { input: picture(4, 5, 5), layers: [conv({ groups: 2, outputs: 6, kernel: 3 })] },
    { "conv.weight": [6, 2, 3, 3] },
  ],
  "conv2d of Keras": [
    { input: { ...picture(5, 6, 2), layout: "hwc" }, layers: [conv({ layout: "HWIO" })] },
    { "conv.weight": [3, 2, 2, 4] },
  ],
  "conv2d of Theano": [{ input: picture(2, 5, 6), layers: [conv({ flipped: true })] }, { "conv.weight": [3, 2, 3, 2] }],
  "conv2d per channel": [
    { input: picture(2, 5, 6), layers: [conv({ weights: { as: 4, per: "channel" } })] },
    { "conv.weight": [3, 2, 3, 2] },
  ],
  "conv2d, flipped and of Keras": [
    { input: picture(2, 5, 6), layers: [conv({ flipped: true, layout: "HWIO" })] },
    { "conv.weight": [3, 2, 2, 4] },
  ],
  depthwise: [{ input: picture(3, 5, 6), layers: [depthwise({ padding: 1 })] }, { "dw.weight": [3, 1, 3, 3] }],
  "depthwise, two outputs of each": [
    { input: picture(3, 5, 6), layers: [depthwise()] },
    { "dw.weight": [6, 1, 3, 3], "dw.bias": [6] },
  ],
  "depthwise of Keras": [
    { input: { ...picture(5, 6, 3), layout: "hwc" }, layers: [depthwise({ layout: "HWIO" })] },
    { "dw.weight": [2, 3, 3, 2] },
  ],
  "batch norm of a vector": [
    { input: vector(6), layers: [dense(), { op: "batch_norm", name: "bn", epsilon: 0.001 }] },
    { "fc.weight": [4, 6], "bn.weight": [4], "bn.bias": [4], "bn.running_mean": [4], "bn.running_var": [4] },
  ],
  "batch norm of a picture, without factors": [
    { input: picture(2, 4, 4), layers: [conv(), { op: "batch_norm", name: "bn" }, { op: "relu" }] },
    { "conv.weight": [3, 2, 3, 3], "bn.running_mean": [3], "bn.running_var": [3] },
  ],
  "batch norm of BinaryNet": [
    {
      input: picture(2, 4, 4),
      layers: [
        conv(),
        { op: "batch_norm", name: "bn", tensors: { inverse_deviation: "inv", mean: "m", weight: "g" } },
        { op: "sign" },
        { op: "flatten" },
        dense(),
      ],
    },
    { "conv.weight": [3, 2, 3, 3], inv: [3], m: [3], g: [3], "bn.bias": [3], "fc.weight": [4, 12] },
  ],
  "a bias of its own": [
    { input: picture(2, 4, 4), layers: [conv(), { op: "bias", name: "b", tensors: { bias: "shift" } }] },
    { "conv.weight": [3, 2, 3, 3], shift: [3] },
  ],
  "a sign with a scale": [
    { input: vector(6), layers: [dense(), { op: "sign", scale: 0.5 }, dense({ name: "fc2" })] },
    { "fc.weight": [4, 6], "fc2.weight": [3, 4] },
  ],
  "a quantizer per channel": [
    {
      input: picture(2, 4, 4),
      layers: [conv(), { op: "quantize", bits: 3, signed: false, scale: { tensor: "scale" } }],
    },
    { "conv.weight": [3, 2, 3, 3], scale: [3] },
  ],
  "a quantizer with a zero point": [
    {
      input: vector(6),
      layers: [dense(), { op: "quantize", bits: 4, signed: false, scale: "1/4", zero: 5 }, dense({ name: "fc2" })],
    },
    { "fc.weight": [4, 6], "fc2.weight": [3, 4] },
  ],
  "a narrow quantizer": [
    {
      input: vector(6),
      layers: [dense(), { op: "quantize", bits: 2, signed: true, scale: 0.25, narrow: true }, dense({ name: "fc2" })],
    },
    { "fc.weight": [4, 6], "fc2.weight": [3, 4] },
  ],
  maxpool: [
    { input: picture(2, 6, 6), layers: [{ op: "maxpool", kernel: 2 }, { op: "flatten" }, dense()] },
    { "fc.weight": [4, 18] },
  ],
  "maxpool with stride and padding": [
    {
      input: picture(2, 6, 7),
      layers: [{ op: "maxpool", kernel: [3, 2], stride: [2, 1], padding: [1, 0] }, { op: "flatten" }, dense()],
    },
    { "fc.weight": [4, 36] },
  ],
  "maxpool of all": [
    { input: picture(6, 3, 4), layers: [{ op: "maxpool", kernel: "global" }, { op: "flatten" }, dense()] },
    { "fc.weight": [4, 6] },
  ],
  avgpool: [
    {
      input: picture(2, 6, 6),
      layers: [{ op: "avgpool", kernel: 2 }, { op: "quantize", ...CODES }, { op: "flatten" }, dense()],
    },
    { "fc.weight": [4, 18] },
  ],
  "avgpool that counts padding": [
    {
      input: picture(2, 5, 5),
      layers: [
        { op: "avgpool", kernel: 3, stride: 2, padding: 1, counts_padding: true },
        { op: "quantize", ...CODES },
        { op: "flatten" },
        dense(),
      ],
    },
    { "fc.weight": [4, 18] },
  ],
  "avgpool of all": [
    {
      input: picture(6, 3, 4),
      layers: [{ op: "avgpool", kernel: "global" }, { op: "quantize", ...CODES }, { op: "flatten" }, dense()],
    },
    { "fc.weight": [4, 6] },
  ],
  "a shortcut to more channels": [
    {
      input: picture(2, 5, 4),
      layers: [{ op: "shortcut", stride: [2, 3], channels: 6 }, { op: "flatten" }, dense()],
    },
    { "fc.weight": [4, 36] },
  ],
  "a shortcut that keeps the channels": [
    { input: picture(2, 5, 4), layers: [{ op: "shortcut", stride: 2, channels: 2 }, { op: "flatten" }, dense()] },
    { "fc.weight": [4, 12] },
  ],
  "flatten, channels last": [
    { input: picture(2, 3, 4), layers: [{ op: "maxpool", kernel: 1 }, { op: "flatten", order: "hwc" }, dense()] },
    { "fc.weight": [4, 24] },
  ],
  "flatten, channels first": [
    {
      input: { ...picture(3, 4, 2), layout: "hwc" },
      layers: [{ op: "maxpool", kernel: 1 }, { op: "flatten", order: "chw" }, dense()],
    },
    { "fc.weight": [4, 24] },
  ],
  "flatten in the order of the input, behind a layer": [
    {
      input: { ...picture(3, 4, 2), layout: "hwc" },
      layers: [{ op: "maxpool", kernel: 1 }, { op: "flatten" }, dense()],
    },
    { "fc.weight": [4, 24] },
  ],
  "flatten in the order of the input": [
    { input: { ...picture(3, 4, 2), layout: "hwc" }, layers: [{ op: "flatten" }, dense()] },
    { "fc.weight": [4, 24] },
  ],
  "a residual sum": [
    {
      input: { name: "x", ...picture(3, 5, 5) },
      layers: [
        conv({ name: "c1", padding: 1 }),
        { op: "quantize", ...CODES },
        { op: "add", with: "x" },
        { op: "quantize", name: "q", ...CODES },
        { op: "flatten" },
        dense(),
      ],
    },
    { "c1.weight": [3, 3, 3, 3], "fc.weight": [2, 75] },
  ],
  "a projection beside the path": [
    {
      input: { name: "x", ...picture(2, 6, 6) },
      layers: [
        conv({ name: "c1", padding: 1, stride: 2 }),
        { op: "quantize", name: "main", ...CODES },
        conv({ name: "c2", from: "x", stride: 2 }),
        { op: "quantize", name: "side", ...CODES },
        { op: "add", with: "main" },
        { op: "quantize", name: "sum", bits: 5, signed: true, scale: 0.125 },
        { op: "avgpool", kernel: "global" },
        { op: "quantize", name: "mean", ...CODES },
        { op: "flatten" },
        dense(),
      ],
    },
    { "c1.weight": [4, 2, 3, 3], "c2.weight": [4, 2, 1, 1], "fc.weight": [3, 4] },
  ],
  argmax: [{ input: vector(6), layers: [dense(), { op: "argmax" }] }, { "fc.weight": [4, 6] }],
};

it.each(Object.entries(NETWORKS))("%s", (_, [arch, shapes]) => {
  const tensors = tensorsOf(shapes);
  const { graph } = readCheckpoint(fileOf(tensors), {}, JSON.stringify(arch));
  const { shape } = (arch as { input: { shape: number[] } }).input;
  const size = shape.reduce((a, b) => a * b, 1);
  const input = numbers(99, ROWS * size);
  const rows = Array.from({ length: ROWS }, (_, row) => input.slice(row * size, (row + 1) * size));
  // the graph has the elements of pictures channels last
  const real = rows.flatMap((row) => (graph.inputs[0]!.layout === "chw" ? channelsLast(row, shape[0]!) : row));
  const found = [...evaluate(graph, [Float32Array.from(real)], ROWS, () => {})[0]!];
  const expected = rows.flatMap((row) => {
    const scores = compute(arch, tensors, row);
    const isVector = !/conv|depthwise/.test(JSON.stringify(arch)) || /flatten/.test(JSON.stringify(arch));
    return isVector ? scores : channelsLast(scores, graph.nodes.at(-1)!.channels);
  });
  expect(found).toHaveLength(expected.length);
  for (const [i, score] of found.entries()) expect(score).toBeCloseTo(expected[i]!, 5);
});

/** Elements of a picture in the order [height, width, channels]. */
function channelsLast(elements: number[], channels: number): number[] {
  const positions = elements.length / channels;
  return elements.map((_, i) => elements[(i % channels) * positions + Math.floor(i / channels)]!);
}

const REFUSED: Record<string, [arch: unknown, shapes: Record<string, number[]>, why: string]> = {
  "no object": [[], {}, "arch: found [], expected an object with $schema, name, input, layers"],
  "no layers": [{ input: vector(6), layers: [] }, {}, "arch.layers: found [], expected a list of 1 to 1024"],
  "no input": [{ layers: [dense()] }, {}, "arch.input: found nothing"],
  "an unknown field of the whole": [
    { input: vector(6), layer: [] },
    {},
    'arch: unknown field "layer", did you mean "layers"?',
  ],
  "an unknown field of a layer": [
    { input: vector(6), layers: [dense({ wieghts: 2 })] },
    {},
    'arch.layers[0]: unknown field "wieghts", did you mean "weights"?',
  ],
  "an unknown field within a layer": [
    { input: vector(6), layers: [dense({ tensors: { wait: "w" } })] },
    {},
    'arch.layers[0].tensors: unknown field "wait"',
  ],
  "other outputs than the weights have": [
    { input: vector(6), layers: [dense({ outputs: 5 })] },
    { "fc.weight": [4, 6] },
    'its weight "fc.weight" has shape [4, 6], expected [5, 6]',
  ],
  "another kernel than the weights have": [
    { input: picture(2, 5, 5), layers: [conv({ outputs: 4, kernel: [3, 1] })] },
    { "conv.weight": [4, 2, 3, 3] },
    'its weight "conv.weight" has shape [4, 2, 3, 3], expected 4 outputs of 3 × 1',
  ],
  "an unknown op": [
    { input: vector(6), layers: [{ op: "conv2" }] },
    {},
    'arch.layers[0].op: found "conv2", did you mean "conv2d"?',
  ],
  "an op of Object.prototype": [
    { input: vector(6), layers: [{ op: "toString" }] },
    {},
    'arch.layers[0].op: found "toString"',
  ],
  "a field of another layer": [{ input: vector(6), layers: [dense({ stride: 2 })] }, {}, 'unknown field "stride"'],
  "a stride of 0": [
    { input: picture(2, 5, 6), layers: [conv({ stride: 0 })] },
    {},
    "arch.layers[0].stride: found 0, expected a whole number from 1 to 65535, or a list of 2",
  ],
  "weights of 5 bits": [
    { input: vector(6), layers: [dense({ weights: 5 })] },
    {},
    'arch.layers[0].weights: found 5, expected "ternary" or "binary"',
  ],
  "a quantizer that misses its word": [
    { input: vector(6), layers: [dense({ weights: { scale: 1 } })] },
    {},
    "arch.layers[0].weights.as: found nothing",
  ],
  "a measured scale of codes": [
    { input: vector(6), layers: [dense({ weights: { as: "codes", scale: "absmean" } })] },
    { "fc.weight": [4, 6] },
    'arch.layers[0].weights.scale: found "absmean", expected the scale that codes have',
  ],
  "per channel of a given scale": [
    { input: vector(6), layers: [dense({ weights: { as: "ternary", scale: 1, per: "channel" } })] },
    { "fc.weight": [4, 6] },
    "arch.layers[0].weights.per: the scale is given",
  ],
  "a name twice": [
    { input: vector(6), layers: [dense(), dense()] },
    {},
    'arch.layers[1].name: "fc" is the name of something before it',
  ],
  "a layer named as the input": [
    { input: vector(6), layers: [dense({ name: "input" })] },
    {},
    'arch.layers[0].name: "input" is the name',
  ],
  "a layer from a later one": [
    { input: vector(6), layers: [dense({ from: "fd" }), { op: "relu", name: "fd" }] },
    {},
    'arch.layers[0].from: found "fd", expected the name of an earlier layer',
  ],
  "a sum with nothing": [
    { input: vector(6), layers: [{ op: "add", with: "inptu" }] },
    {},
    'arch.layers[0].with: found "inptu", did you mean "input"?',
  ],
  "a sum of other shapes": [
    { input: vector(6), layers: [dense(), { op: "add", with: "input" }] },
    { "fc.weight": [4, 6] },
    'layer "add_1" (add): found shapes [4] and "input" [6], expected equal ones',
  ],
  "a tensor that is not there": [
    { input: vector(6), layers: [dense()] },
    { "fc.weigth": [4, 6] },
    'layer "fc" (dense): its weight "fc.weight" is not in the file, did you mean "fc.weigth"?',
  ],
  "a dense weight of another size": [
    { input: vector(6), layers: [dense()] },
    { "fc.weight": [4, 7] },
    'layer "fc" (dense): its weight "fc.weight" has shape [4, 7], expected [outputs, 6]',
  ],
  "a dense weight turned": [
    { input: vector(6), layers: [dense()] },
    { "fc.weight": [6, 4] },
    'expected [outputs, 6]; or "layout": "IO"',
  ],
  "a dense weight of nothing": [
    { input: vector(6), layers: [dense()] },
    { "fc.weight": [0, 6] },
    "expected [outputs, 6]",
  ],
  "a bias of another size": [
    { input: vector(6), layers: [dense()] },
    { "fc.weight": [4, 6], "fc.bias": [6] },
    'its bias "fc.bias" has shape [6], expected [4]',
  ],
  "a picture into dense": [
    { input: picture(2, 3, 4), layers: [dense()] },
    { "fc.weight": [4, 24] },
    'layer "fc" (dense): its input is a picture [2, 3, 4], expected a vector: a layer flatten before it',
  ],
  "a vector into conv2d": [
    { input: vector(6), layers: [conv()] },
    { "conv.weight": [3, 2, 3, 3] },
    'layer "conv" (conv2d): its input is a vector [6], expected a picture',
  ],
  "a conv weight of other channels": [
    { input: picture(2, 5, 6), layers: [conv()] },
    { "conv.weight": [3, 4, 3, 3] },
    "has shape [3, 4, 3, 3], expected [outputs, 2, height, width]",
  ],
  "a conv weight turned": [
    { input: picture(2, 5, 6), layers: [conv()] },
    { "conv.weight": [3, 3, 2, 4] },
    '; or "layout": "HWIO"',
  ],
  "groups that divide nothing": [
    { input: picture(2, 5, 6), layers: [conv({ groups: 3 })] },
    {},
    "arch.layers[0].groups: found 3, expected a divisor of 2 channels",
  ],
  "a kernel beyond the picture": [
    { input: picture(2, 2, 6), layers: [conv()] },
    { "conv.weight": [3, 2, 3, 3] },
    "a kernel of 3 × 3 does not fit [2, 2, 6]",
  ],
  "a depthwise weight of all channels": [
    { input: picture(3, 5, 6), layers: [depthwise()] },
    { "dw.weight": [3, 3, 3, 3] },
    "expected [a multiple of 3, 1, height, width]",
  ],
  "an average whose padding is not decided": [
    { input: picture(2, 5, 5), layers: [{ op: "avgpool", kernel: 3, padding: 1 }] },
    {},
    "arch.layers[0].counts_padding: found nothing",
  ],
  "a global pool with a stride": [
    { input: picture(2, 5, 5), layers: [{ op: "maxpool", kernel: "global", stride: 2 }] },
    {},
    "arch.layers[0].stride: a global pool has none",
  ],
  "two deviations": [
    { input: vector(6), layers: [{ op: "batch_norm", name: "bn", epsilon: 1, tensors: { inverse_deviation: "inv" } }] },
    { inv: [6], "bn.running_mean": [6] },
    "arch.layers[0]: found inverse_deviation beside variance or epsilon",
  ],
  "an input of two axes": [{ input: { shape: [5, 6] }, layers: [dense()] }, {}, "arch.input.shape: found [5,6]"],
  "a layout of a vector": [
    { input: { shape: [5], layout: "hwc" }, layers: [dense()] },
    {},
    'arch.input.layout: found "hwc" of a vector',
  ],
  "a quotient of 0": [
    { input: { shape: [6], quantizer: { ...CODES, scale: "1/0" } }, layers: [dense()] },
    {},
    'arch.input.quantizer.scale: found "1/0"',
  ],
  "codes that are none": [
    { input: vector(6), layers: [dense({ weights: "codes" })] },
    { "fc.weight": [4, 6] },
    'layer "fc" (dense): element 0 of its weight "fc.weight" is ',
  ],
  "an input without a quantizer": [{ input: { shape: [6] }, layers: [dense()] }, { "fc.weight": [4, 6] }, 'dense "fc"'],
};

it.each(Object.entries(REFUSED))("%s is refused", (_, [arch, shapes, why]) => {
  const read = () => readCheckpoint(fileOf(tensorsOf(shapes)), {}, JSON.stringify(arch));
  expect(read).toThrow(why);
  try {
    read();
  } catch (error) {
    expect([InputError, CheckpointError, UnsupportedError].some((each) => error instanceof each)).toBe(true);
  }
});

it("float weights are refused all at once, with what to write", () => {
  const arch = {
    input: vector(6),
    layers: [dense({ weights: undefined }), { op: "sign" }, dense({ name: "fc2", weights: undefined })],
  };
  const read = () =>
    readCheckpoint(fileOf(tensorsOf({ "fc.weight": [4, 6], "fc2.weight": [2, 4] })), {}, JSON.stringify(arch));
  expect(read).toThrow(UnsupportedError);
  expect(read).toThrow(
    [
      "2 nodes cannot be converted:",
      '  dense "fc" [4, 6]: its weights "fc.weight" are float',
      '  dense "fc2" [2, 4]: its weights "fc2.weight" are float',
      '  Instead, of each: a quantizer for them in the arch: "weights": "ternary" (or "binary", 2, 3, 4, 8)',
    ].join("\n"),
  );
});

it("tensors that no layer uses are told, but not the counters of batches", () => {
  const shapes = { "fc.weight": [4, 6], "head.weight": [1], "bn.num_batches_tracked": [] };
  const { notes } = readCheckpoint(
    fileOf(tensorsOf(shapes)),
    {},
    JSON.stringify({ input: vector(6), layers: [dense()] }),
  );
  expect(notes).toContain('1 of 3 tensors are used by no layer: "head.weight"');
});

it("a text is refused that is no JSON, is too deep, or names a field twice", () => {
  const read = (text: string) => () => readCheckpoint(fileOf({}), {}, text);
  expect(read("{input: 1}")).toThrow("arch: the text is no JSON");
  expect(read("[".repeat(1e6))).toThrow("arch: the text is nested deeper than 64");
  expect(read('{"input": 1, "input": 2}')).toThrow('arch: the text has the name "input" twice');
  expect(read(" ".repeat(2 ** 22 + 1))).toThrow("arch: the text has 4194305 bytes");
});

it("names of any length, and any number of them, are refused as soon", () => {
  const long = "x".repeat(1_000_000);
  const many = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, i) => [`a.rather.long.name.of.tensor.${i}`, f32([1], [i])]),
  );
  const layer = (fields: object) => JSON.stringify({ input: vector(6), layers: [dense(fields)] });
  for (const [file, arch] of [
    [writeSafetensors({ [long]: f32([1], [0]), ...many }), layer({})],
    [fileOf({}), layer({ [long]: 1 })],
    [fileOf({}), layer({ op: long })],
    [fileOf({}), layer({ from: long.slice(0, 1000), name: long.slice(0, 1001) })],
  ] as const) {
    const start = cpuMilliseconds();
    expect(() => readCheckpoint(file, {}, arch)).toThrow(TernError);
    expect(cpuMilliseconds() - start).toBeLessThan(1000);
  }
});

it("weights without an arch, and an arch for a file with a graph, are refused", () => {
  expect(() => readCheckpoint(fileOf({}))).toThrow(
    "found a safetensors file, which has weights and no graph: describe the network (docs/arch.md) and give it with --arch net.json",
  );
  expect(() => readCheckpoint(DIGITS, {}, "{}")).toThrow("found a graph of its own beside an arch");
});

/** The example network's tensors, as its ONNX file has them, and the network in words. */
function digits() {
  const { initializer } = decodeModel(DIGITS).graph!;
  const learned = initializer.filter(({ name }) => /\.(weight|bias|running_mean|running_var)$/.test(name!));
  const file = writeSafetensors(
    Object.fromEntries(
      learned.map(({ name, dims, raw_data }) => [name!, { dtype: "F32", shape: dims, bytes: raw_data! }]),
    ),
  );
  return { file, arch: projectText("examples/digits/net.json") };
}

it("the example network in words becomes the program that its ONNX file becomes", async () => {
  const { file, arch } = digits();
  const [ours, theirs] = [
    await convert(file, { arch, file: "digits.safetensors" }),
    await convert(DIGITS, { file: "digits.onnx" }),
  ];
  const numbersOf = ({ program: { description: _, modelId: __, selfTest: ___, ...rest } }: typeof ours) => rest;
  expect(numbersOf(ours)).toEqual(numbersOf(theirs));
  expect(ours.program.description!.source).toMatchObject({
    format: "safetensors",
    file: "digits.safetensors",
    bytes: file.length,
  });
  expect(ours.program.description!.converter.choices.arch).toMatch(/^[0-9a-f]{64}$/);

  const session = loadReference(ours.blob);
  const options = {
    blob: session.program,
    checkpoint: file,
    sha256: "",
    sessions: { reference: session },
    inputs: [IMAGES],
  };
  expect(verify({ ...options, arch }).differences).toEqual([]);
  const other = arch.replace('"weights": "ternary"', '"weights": "binary"');
  expect(verify({ ...options, arch: other }).differences).toHaveLength(1);
  expect(() => verify(options)).toThrow("--arch net.json");
});

it("any JSON is survived, and any text", () => {
  const { file, arch } = digits();
  const words = [
    "conv2d",
    "OI",
    "hwc",
    "same",
    "dense1",
    "pixels",
    "absmean",
    "codes",
    "__proto__",
    0,
    -1,
    1e9,
    2 ** 53,
    1.5,
    null,
    true,
    [],
    {},
    [1, 2],
    { as: "binary" },
  ];
  for (let seed = 0; seed < seedCount(5000); seed++) {
    const next = mulberry32(seed);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)]!;
    const root = JSON.parse(arch);
    for (let edits = 1 + Math.floor(next() * 3); edits > 0; edits--) {
      let at = root;
      for (let depth = 0; depth < 4; depth++) {
        const inner = Object.keys(at).filter((name) => typeof at[name] === "object" && at[name] !== null);
        if (inner.length === 0 || next() < 0.2) break;
        at = at[pick(inner)];
      }
      const name = pick([...Object.keys(at), "groups", "stride", "layout", "from", "with"]);
      if (next() < 0.3) delete at[name];
      else at[name] = structuredClone(pick(words));
    }
    survives(file, JSON.stringify(root), `seed ${seed}`);
  }
  for (let size = 0; size < arch.length; size += 7) survives(file, arch.slice(0, size), `${size} characters`);
});

function survives(file: Uint8Array, arch: string, what: string): void {
  try {
    readCheckpoint(file, {}, arch);
  } catch (error) {
    if (![InputError, CheckpointError, UnsupportedError].some((each) => error instanceof each))
      throw new Error(what, { cause: error });
  }
}

const packedArch = (fields: object) =>
  JSON.stringify({ input: vector(1), layers: [dense({ weights: "codes", packed: "rows-of-four", ...fields })] });

it("rows of four to a byte: golden bytes", () => {
  // the column −1, 0, 1, 1, 0, −1, 1, 0, by which interleaved rows are told from these
  const file = writeSafetensors({ "fc.weight": { dtype: "U8", shape: [2, 1], bytes: Uint8Array.of(0x98, 0x49) } });
  const { graph } = readCheckpoint(file, {}, packedArch({}));
  const layer = graph.nodes.find((node) => node.op === "dense")!;
  expect([...layer.weights.codes]).toEqual([-1, 0, 1, 1, 0, -1, 1, 0]);
});

it.each<[string, object, Uint8Array, string]>([
  ["bits that are no code", {}, Uint8Array.of(0x98, 0xc9), 'its weight "fc.weight": element 1 has the bits 11'],
  [
    "packed weights that are no codes",
    { weights: "ternary" },
    Uint8Array.of(0, 0),
    'packed: found it of other weights, expected "codes"',
  ],
  [
    "a scale of 0 to divide by",
    { weights: { as: "codes", scale: { tensor: "zero" }, divides: true } },
    Uint8Array.of(0, 0),
    "its scale is 0",
  ],
])("%s", (_, fields, bytes, why) => {
  const file = writeSafetensors({ "fc.weight": { dtype: "U8", shape: [2, 1], bytes }, zero: f32([1], [0]) });
  expect(() => readCheckpoint(file, {}, packedArch(fields))).toThrow(why);
});
