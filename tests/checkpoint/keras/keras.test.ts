import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CheckpointError, UnsupportedError } from "../../../host/base/errors.ts";
import { openWeights, readCheckpoint } from "../../../host/checkpoint/index.ts";
import { type KerasFile, openKerasH5, openKerasZip } from "../../../host/checkpoint/keras/file.ts";
import { translateKeras } from "../../../host/checkpoint/keras/import.ts";
import { decodeModel } from "../../../host/checkpoint/onnx/proto.ts";
import { openZip } from "../../../host/checkpoint/zip.ts";
import { evaluate } from "../../../host/graph/evaluate.ts";
import { parseQuantizer } from "../../../host/numbers/quantizer_text.ts";
import { DATA, describeWith } from "../../data.ts";
import { hostile } from "../hostile.ts";
import { evaluateOnnx } from "../onnx/definition.ts";
import { functional, input, kerasH5, type LayerOf, layer, sequential, type Weights } from "./build.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Rows of an f32 .npy file. */
function rowsOf(name: string): number[][] {
  const bytes = readFileSync(join(HERE, name));
  const start = 10 + bytes.readUInt16LE(8);
  const [rows] = bytes
    .subarray(10, start)
    .toString()
    .match(/\d+(?=,)/)!;
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
  const size = data.length / Number(rows);
  return Array.from({ length: Number(rows) }, (_, i) => [...data.slice(i * size, (i + 1) * size)]);
}

function openKeras(bytes: Uint8Array): KerasFile {
  return bytes[0] === 0x50 ? openKerasZip(openZip(bytes)) : (openKerasH5(bytes) as KerasFile);
}

/** What a file's float network makes of inputs, by the definition of ONNX's operators in float64. */
function scoresOf(bytes: Uint8Array, inputs: number[][]): number[][] {
  const { model } = translateKeras(openKeras(bytes));
  const [{ name }] = decodeModel(model).graph!.output as [{ name: string }];
  return inputs.map((x) => evaluateOnnx(model, x).get(name)!.data);
}

function farthest(found: number[][], expected: number[][]): number {
  return Math.max(...found.flatMap((row, i) => row.map((x, j) => Math.abs(x - expected[i]![j]!))));
}

describe("float networks have the scores of Keras", () => {
  it.each([
    "floats.keras2.h5",
    "floats.keras2.keras",
    "floats.keras3.h5",
    "floats.keras3.keras",
    "lines.keras2.h5",
    "lines.keras3.keras",
  ])("%s", (name) => {
    const [net, version] = name.split(".") as [string, string];
    const expected = rowsOf(`${net}.${version}.scores.npy`);
    const bytes = readFileSync(join(HERE, name));
    const inputs = rowsOf(`${net}.x.npy`);
    expect(farthest(scoresOf(bytes, inputs), expected)).toBeLessThan(1e-6);
    const { graph } = readCheckpoint(bytes, { floats: "keep" });
    const [scores] = evaluate(graph, [Float32Array.from(inputs.flat())], inputs.length);
    expect(farthest([[...scores!]], [expected.flat()])).toBeLessThan(1e-6);
    expect(() => readCheckpoint(bytes)).toThrow(UnsupportedError);
    expect(() => readCheckpoint(bytes)).toThrow(
      /its weights ".*\/kernel" are float(\n {2}Instead, of each:|\. Instead:) a network trained with quantizers.*--weights int8/,
    );
  });
});

/** Scores of two made inputs each, by TensorFlow 2.15.1. */
const PUBLISHED: [file: string, span: number, shape: number[], scores: number[][]][] = [
  [
    "mlperf_tiny/pretrainedResnet.h5",
    255,
    [32, 32, 3],
    [
      [
        6.24213e-15, 6.47805e-9, 1.17948e-15, 3.02163e-17, 1.31122e-30, 4.20905e-29, 6.94848e-10, 1.3086e-37, 1,
        6.44085e-14,
      ],
      [
        3.93042e-13, 0.99756, 8.62233e-18, 2.88421e-17, 1.82751e-27, 3.7792e-23, 8.1935e-8, 5.80983e-30, 0.000136103,
        0.00230341,
      ],
    ],
  ],
  [
    "mltk/keyword_spotting_on_off.h5",
    255,
    [49, 32, 1],
    [
      [0.312318, 0.0374676, 0.650214, 4.59808e-30],
      [0.226345, 0.253139, 0.520516, 4.75682e-18],
    ],
  ],
  [
    "mltk/tflite_micro_magic_wand.h5",
    16,
    [128, 3, 1],
    [
      [0.00362441, 0.463542, 0.0886712, 0.444162],
      [0.00349818, 0.558286, 0.0964547, 0.341761],
    ],
  ],
];

describeWith(
  PUBLISHED.map(([file]) => join(DATA, file)),
  "published float networks have the scores of Keras",
  () => {
    it.each(PUBLISHED)("%s", (file, span, shape, expected) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const at = (i: number) => Math.fround((((i * 7919) % 1009) / 1009) * span);
      const first = Array.from({ length: size }, (_, i) => at(i));
      const lines = Array.from({ length: shape[0]! }, (_, y) => y * (size / shape[0]!));
      // the second is of half the size, its lines upside down
      const second = lines
        .reverse()
        .flatMap((from) => Array.from({ length: size / shape[0]! }, (_, i) => at(size + from + i) / 2));
      expect(farthest(scoresOf(readFileSync(join(DATA, file)), [first, second]), expected)).toBeLessThan(1e-5);
    });
  },
);

/** What the graph of a file with quantizers makes of inputs. */
function quantizedScores(bytes: Uint8Array, inputs: number[][], inputQuantizer?: string) {
  const checkpoint = readCheckpoint(bytes, inputQuantizer ? { inputQuantizer: parseQuantizer(inputQuantizer) } : {});
  const [scores] = evaluate(checkpoint.graph, [Float32Array.from(inputs.flat())], inputs.length);
  const size = scores!.length / inputs.length;
  return { ...checkpoint, scores: inputs.map((_, i) => [...scores!.slice(i * size, (i + 1) * size)]) };
}

const found = ({ graph }: ReturnType<typeof quantizedScores>) =>
  graph.nodes.flatMap((node) =>
    "weights" in node ? [`${node.weights.name}: ${node.weights.found}, ${node.weights.bits}`] : [],
  );

const EIGHTHS = "scale=0.125,bits=8,signed,zero=0";

it("a network of Larq has its scores: latent kernels, and the sign of 0 is +1", () => {
  const result = quantizedScores(readFileSync(join(HERE, "larq.h5")), rowsOf("larq.x.npy"), EIGHTHS);
  expect(farthest(result.scores, rowsOf("larq.scores.npy"))).toBeLessThan(1e-6);
  expect(result.format).toBe("keras");
  expect(result.producer).toBe("keras 2.15.0");
  expect(found(result)).toEqual([
    "first/kernel: latent, 1",
    "second/kernel: latent, 1",
    "third/depthwise_kernel: latent, 1",
    "fourth/kernel: latent, 1",
    "fifth/kernel: latent, 1",
  ]);
});

it("a network of QKeras has its scores, whose scales are powers of two that it finds", () => {
  const result = quantizedScores(readFileSync(join(HERE, "qkeras.h5")), rowsOf("qkeras.x.npy"));
  expect(result.scores).toEqual(rowsOf("qkeras.scores.npy"));
  expect(found(result)).toEqual([
    "first/kernel.codes: integers, 4",
    "second/depthwise_kernel.codes: integers, 2",
    "third/kernel: latent, 3",
    "fourth/kernel: latent, 1",
  ]);
});

const SIGN = { class_name: "SteSign", config: { clip_value: 1 } };
const BITS = { class_name: "quantized_bits", config: { bits: 8, integer: 4, alpha: 1 } };
const quantized = { ...layer("QActivation", "codes", { activation: BITS }) };
const DENSE: Weights = {
  fc: {
    kernel: [
      [2, 2],
      [0.5, 0, -0.5, -0.25],
    ],
    bias: [[2], [1, -1]],
  },
};
const fc = (config: Record<string, unknown> = {}) => layer("QuantDense", "fc", { kernel_quantizer: SIGN, ...config });

/** Of x and y, both columns make x − y, since the sign of 0 is +1; and there is a bias. */
const SMALL = kerasH5(sequential([2], quantized, fc()), DENSE);

describe("forms of descriptions", () => {
  const scores = (bytes: Uint8Array) => quantizedScores(bytes, [[3, 1.5]]).scores;
  it.each<[string, unknown]>([
    ["a shape in the first layer", sequential([2], quantized, fc())],
    ["an InputLayer", { class_name: "Sequential", config: { name: "n", layers: [input(2), quantized, fc()] } }],
    [
      "a shape that the model was built with",
      { class_name: "Sequential", config: { name: "n", layers: [quantized, fc()], build_input_shape: [null, 2] } },
    ],
    ["a list of layers", { class_name: "Sequential", config: sequential([2], quantized, fc()).config.layers }],
    ["a graph", functional([input(2)], [quantized, "x"], [fc(), "codes"])],
    ["a graph out of order", functional([input(2)], [layer("Dropout", "d"), "codes"], [quantized, "x"], [fc(), "d"])],
    [
      "texts",
      sequential(
        [2],
        layer("Activation", "codes", { activation: "quantized_bits(8,4,alpha=1.0)" }),
        fc({ kernel_quantizer: "ste_sign" }),
      ),
    ],
    ["a quantizer of the input", sequential([2], fc({ input_quantizer: BITS }))],
  ])("%s", (_, config) => {
    expect(scores(kerasH5(config, DENSE))).toEqual([[3 - 1.5 + 1, 3 - 1.5 - 1]]);
  });

  it("a file of newer structures", () => {
    expect(scores(kerasH5(sequential([2], quantized, fc()), DENSE, 2))).toEqual([[2.5, 0.5]]);
  });

  it("a model that is called twice", () => {
    const inner = { ...sequential([2], quantized, layer("ReLU", "r")), name: "inner" };
    inner.config.name = "inner";
    const twice = { ...inner, inbound_nodes: [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]] };
    const { class_name, config } = functional([input(2)], [fc(), "inner"]);
    config.layers.splice(1, 0, twice as never);
    Object.assign(config.layers[2]!, { inbound_nodes: [[["inner", 2, 0, {}]]] });
    expect(scores(kerasH5({ class_name, config }, DENSE))).toEqual([[2.5, 0.5]]);
  });
});

describe("what layers mean", () => {
  const one = (...layers: LayerOf[]) => sequential([4, 4, 1], quantized, ...layers);
  const x = [Array.from({ length: 16 }, (_, i) => i - 8)];

  it("same padding has more behind than before", () => {
    const conv = layer("QConv2D", "c", {
      kernel_size: [3, 3],
      strides: [2, 2],
      padding: "same",
      use_bias: false,
      kernel_quantizer: BITS,
    });
    const kernel = [0, 0, 0, 0, 0, 0, 0, 0, 1]; // the tap at the bottom right
    const bytes = kerasH5(one(conv), { c: { kernel: [[3, 3, 1, 1], kernel] } });
    // of 4 positions, windows begin at 0 and 2: their last taps are at 2 and 4, which is padding
    expect(quantizedScores(bytes, x).scores).toEqual([[x[0]![10], 0, 0, 0]]);
  });

  it("a batch norm has epsilon 0.001, if it does not say another", () => {
    const bytes = (config: object) =>
      kerasH5(one(layer("BatchNormalization", "n", { scale: false, ...config })), {
        n: { beta: [[1], [0.5]], moving_mean: [[1], [1]], moving_variance: [[1], [0]] },
      });
    const scores = quantizedScores(bytes({}), x).scores[0]!;
    expect(scores[0]).toBeCloseTo(-9 / Math.sqrt(Math.fround(0.001)) + 0.5, 4);
    expect(quantizedScores(bytes({ epsilon: 1 }), x).scores[0]![0]).toBe(-8.5);
  });

  it("a flat picture has its channels last", () => {
    const kernel = Array.from({ length: 16 }, (_, i) => (i === 3 ? 1 : 0));
    const pixels = sequential(
      [2, 4, 2],
      quantized,
      layer("MaxPooling2D", "m", { pool_size: 1 }),
      layer("Flatten", "f"),
      fc({ kernel_quantizer: BITS, use_bias: false }),
    );
    const bytes = kerasH5(pixels, { fc: { kernel: [[16, 1], kernel] } });
    expect(quantizedScores(bytes, x).scores).toEqual([[x[0]![3]]]);
  });

  it("a line is a picture of one row", () => {
    const conv = layer("QuantConv1D", "c", {
      kernel_size: [2],
      strides: [1],
      padding: "valid",
      use_bias: false,
      kernel_quantizer: SIGN,
    });
    const bytes = kerasH5(sequential([4, 1], quantized, conv, layer("Flatten", "f")), {
      c: {
        kernel: [
          [2, 1, 1],
          [1, -1],
        ],
      },
    });
    expect(quantizedScores(bytes, [[1, 4, 9, 5]]).scores).toEqual([[-3, -5, 4]]);
  });
});

describe("what cannot be converted is told, all at once", () => {
  const conv = (config: object) =>
    layer("QuantConv2D", "c", { kernel_size: [1, 1], kernel_quantizer: SIGN, use_bias: false, ...config });
  const KERNEL: Weights = { c: { kernel: [[1, 1, 1, 1], [1]] } };
  it.each<[string, LayerOf, string]>([
    [
      "channels first",
      conv({ data_format: "channels_first" }),
      'its data_format is "channels_first". Instead: the same layers with data_format="channels_last"',
    ],
    ["padding of ones", conv({ padding: "same", pad_values: 1 }), "its pad_values are 1. Instead: zeros"],
    ["another padding", conv({ padding: "causal" }), 'its padding is "causal"'],
    ["a float kernel", conv({ kernel_quantizer: null }), ""],
    [
      "another quantizer",
      conv({ kernel_quantizer: { class_name: "DoReFa", config: {} } }),
      'its quantizer "DoReFa" is not known here',
    ],
    [
      "a quantizer of kernels on data",
      conv({ input_quantizer: "ternary(1.0)" }),
      "its quantizer is of kernels (ternary)",
    ],
    [
      "a scale of data that is found",
      conv({ input_quantizer: "binary(alpha='auto')" }),
      'its alpha "auto" depends on the data',
    ],
    [
      "another activation",
      conv({ activation: "tanh" }),
      'its activation is "tanh". Instead: linear, relu, relu6, softmax',
    ],
    ["a leaky ReLU", layer("ReLU", "r", { negative_slope: 0.1 }), "its negative_slope is 0.1"],
    ["another layer", layer("LSTM", "l"), "no such layer here. Instead: one of Conv2D"],
    [
      "a layer that Keras quantized",
      layer("ReLU", "r", { dtype: { class_name: "QuantizedDTypePolicy" } }),
      "it is quantized by Keras",
    ],
    ["another axis", layer("BatchNormalization", "b", { axis: [1] }), "its axis is [1] of 4"],
    ["a vector of pictures", layer("Dense", "d"), ""],
  ])("%s", (_, each, message) => {
    const bytes = kerasH5(sequential([4, 4, 1], quantized, each), {
      ...KERNEL,
      d: { kernel: [[1, 1], [1]], bias: [[1], [1]] },
    });
    if (message === "") return;
    expect(() => readCheckpoint(bytes)).toThrow(UnsupportedError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  it("several layers", () => {
    const net = functional(
      [input(4, 4, 1)],
      [layer("LSTM", "a"), "x"],
      [layer("GRU", "b"), "x"],
      [layer("Add", "c"), "a", "b"],
    );
    expect(() => readCheckpoint(kerasH5(net, {}))).toThrow(/2 nodes cannot .*\n.*LSTM "a" \[4, 4, 1\].*\n.*GRU "b"/);
  });
});

describe("files that make no sense", () => {
  const models = (config: unknown, weights: Weights = DENSE) => kerasH5(config, weights);
  it.each<[string, Uint8Array, string]>([
    [
      "no kernel",
      models(sequential([2], quantized, fc()), {}),
      'layer "fc" (QuantDense): its kernel is not in the file',
    ],
    [
      "a kernel of another shape",
      models(sequential([3], quantized, fc())),
      '"fc/kernel" has shape [2, 2], expected [3, outputs]',
    ],
    [
      "a model of a class of its own",
      models({ class_name: "MyModel", config: {} }),
      'class_name "MyModel", expected Sequential or Functional',
    ],
    ["no layers", models({ class_name: "Sequential", config: { layers: [] } }), "no layers"],
    [
      "no shape",
      models({ class_name: "Sequential", config: { layers: [quantized, fc()] } }),
      'layer "input" (InputLayer): shape nothing',
    ],
    ["an open shape", models(sequential([0], quantized, fc())), "expected the batch, and 1 to 3 sizes"],
    ["two layers of a name", models(sequential([2], quantized, quantized)), 'two layers named "codes"'],
    [
      "a cycle",
      models(functional([input(2)], [quantized, "fc"], [fc(), "codes"])),
      'output "fc" does not depend on an input',
    ],
    [
      "a layer that is not there",
      models(functional([input(2)], [quantized, "y"], [fc(), "codes"])),
      "does not depend on an input",
    ],
    ["no text", models("{"), "model"],
    [
      "strides of 0",
      models(sequential([4, 4, 1], quantized, layer("MaxPooling2D", "m", { strides: [0, 1] }))),
      "strides [0,1], expected 2 of 1 to 65535",
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => readCheckpoint(bytes)).toThrow(CheckpointError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  it("models in models without end", () => {
    const chain = (depth: number): object => {
      const inner = depth === 0 ? quantized : chain(depth - 1);
      const [a, b] = ["a", "b"].map(
        (name) => ({ ...inner, name, config: { ...(inner as LayerOf).config, name } }) as unknown as LayerOf,
      );
      return { class_name: "Sequential", config: { name: "m", layers: [input(2), a, b] } };
    };
    expect(() => readCheckpoint(models(chain(12)))).toThrow("more than 2048 layers");
  });

  it("calls without end", () => {
    const net = functional([input(2)], [quantized, "x"]);
    const many = {
      ...quantized,
      name: "many",
      config: { name: "many" },
      inbound_nodes: new Array<unknown>(2 ** 18 + 1).fill([["y", 0, 0, {}]]),
    };
    net.config.layers.push(many as never);
    expect(() => readCheckpoint(models(net))).toThrow("its layers read more than 262144 results");
  });

  it("a long text in place of a quantizer", () => {
    const slow = `a${" ".repeat(2 ** 16)}x`;
    expect(() => readCheckpoint(models(sequential([2], fc({ kernel_quantizer: slow }))))).toThrow(
      "a quantizer of 65538 characters",
    );
  });

  it("a result that is made twice", () => {
    const net = functional([input(2)], [quantized, "x"], [fc(), "codes"]);
    Object.assign(net.config.layers[0]!, { inbound_nodes: [[["x", 0, 0, {}]]] });
    expect(() => readCheckpoint(models(net))).toThrow('"x, call 0" is made twice');
  });

  it("weights without a model are described by hand", () => {
    const bytes = kerasH5(undefined, DENSE);
    expect(() => readCheckpoint(bytes)).toThrow("which has weights and no graph");
    expect([...openWeights(bytes).tensors.keys()]).toEqual([
      "model_weights/fc/fc/bias:0",
      "model_weights/fc/fc/kernel:0",
    ]);
    expect(() => openWeights(SMALL)).toThrow("a graph, which needs no arch");
    expect(() => readCheckpoint(SMALL, {}, "{}")).toThrow("a graph of its own beside an arch");
  });
});

hostile("Keras .h5", SMALL, (bytes) => readCheckpoint(bytes));
