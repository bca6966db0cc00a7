import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EngineError } from "../../host/base/errors.ts";
import { packageRoot } from "../../host/base/package_root.ts";
import { VERSION } from "../../host/base/version.ts";
import { byteTensor, floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import {
  DATA_TYPE,
  type Draft,
  encodeModel,
  type NodeProto,
  type TensorProto,
} from "../../host/checkpoint/onnx/proto.ts";
import { type Convolution, type ConvolutionPeer, greatest, spreadOf, transposed } from "./convolution.ts";
import { evaluateTwin, type FloatTwin, twinToOnnx } from "./float_twin.ts";
import { floatWeights, type Matmul, type Solver, WEIGHT_SCALE } from "./matmul.ts";
import type { OnnxRuntime, SessionOptions } from "./onnxruntime_api.ts";
import { PEERS_FOLDER, type Peer, type PeerLibrary } from "./peer.ts";

/** onnxruntime on one thread: native code, or the same in WebAssembly. */
interface Runtime {
  api: OnnxRuntime;
  options: SessionOptions;
}

/** x (rows, K) and constants → y (rows, M): the nodes in between, and the constants. */
interface Product {
  nodes: Draft<NodeProto>[];
  constants: Draft<TensorProto>[];
}

const QUIET: SessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };

/** Throws EngineError "missing" where its library cannot be loaded. */
export async function openOnnxruntime(): Promise<PeerLibrary> {
  const folder = join(packageRoot(), PEERS_FOLDER, "onnxruntime-node");
  if (!existsSync(folder)) throw new EngineError("missing", "no onnxruntime-node: npm run bench:peers installs it");
  const require = createRequire(import.meta.url);
  const api: OnnxRuntime = (() => {
    try {
      return require(folder);
    } catch (error) {
      throw new EngineError("missing", `onnxruntime-node cannot be loaded: ${(error as Error).message}`);
    }
  })();
  const runtime = { api, options: { ...QUIET, executionProviders: ["cpu"] } };
  const { version } = require(join(folder, "package.json"));
  return {
    ...{ name: "onnxruntime-node", version },
    peers: [
      peer("ORT fp32", runtime, floatMatMul),
      peer("ORT int8", runtime, dynamicMatMul),
      peer("ORT 2-bit", runtime, twoBitMatMul),
    ],
    convolutions: convolutionPeers("ORT", runtime),
    solveTwin: (twin, x) => solveTwin(runtime, twin, x),
  };
}

/** The build of onnxruntime for WebAssembly. Its 2-bit products are slower than its float ones, so they are no peer. */
export async function openOnnxruntimeWeb(): Promise<PeerLibrary> {
  const folder = join(packageRoot(), PEERS_FOLDER, "onnxruntime-web");
  if (!existsSync(folder)) throw new EngineError("missing", "no onnxruntime-web: npm run bench:peers installs it");
  const api: OnnxRuntime = await import(pathToFileURL(join(folder, "dist", "ort.wasm.min.mjs")).href);
  api.env.wasm.numThreads = 1;
  const { version } = createRequire(import.meta.url)(join(folder, "package.json"));
  const runtime = { api, options: { ...QUIET, executionProviders: ["wasm"] } };
  return {
    ...{ name: "onnxruntime-web", version },
    peers: [peer("ORT-web int8", runtime, dynamicMatMul)],
    convolutions: convolutionPeers("ORT-web", runtime),
  };
}

function peer(name: string, runtime: Runtime, product: (matmul: Matmul) => Product): Peer {
  return { name, dtype: "ternary", solve: (matmul, rows) => solve(runtime, matmul, rows, product(matmul)) };
}

async function solve({ api, options }: Runtime, task: Matmul, rows: number, product: Product): Promise<Solver> {
  const { M, K } = task;
  const graph = {
    name: "product",
    node: product.nodes,
    initializer: product.constants,
    input: [valueInfo("x", [rows, K])],
    output: [valueInfo("y", [rows, M])],
  };
  const file = encodeModel(
    model(graph, { "": 13, "com.microsoft": 1 }, { name: "littletern bench", version: VERSION }),
  );
  const session = await api.InferenceSession.create(file, options);
  const x = new api.Tensor("float32", task.x.slice(0, rows * K), [rows, K]);
  let y = new Float32Array();
  return {
    weightBytes: product.constants.reduce((bytes, { raw_data }) => bytes + raw_data!.length, 0),
    async run() {
      y = (await session.run({ x })).y!.data as Float32Array<ArrayBuffer>;
    },
    y: () => y,
    dispose: () => session.release(),
  };
}

/** As floats, and as codes of 8 bits of x, weights and y, with scales that are known beforehand. Pictures are (channels, height, width). */
function convolutionPeers(name: string, runtime: Runtime): ConvolutionPeer[] {
  return [
    { name: `${name} fp32`, solve: (task) => solveConvolution(runtime, task, floatConv(task)) },
    { name: `${name} int8`, solve: (task) => solveConvolution(runtime, task, integerConv(task)) },
  ];
}

async function solveConvolution({ api, options }: Runtime, task: Convolution, product: Product): Promise<Solver> {
  const { height, width, inputs, outputs } = task;
  const shape = [1, inputs, height, width];
  const graph = {
    name: "convolution",
    node: product.nodes,
    initializer: product.constants,
    input: [valueInfo("x", shape)],
    output: [valueInfo("y", [1, outputs, height, width])],
  };
  const file = encodeModel(model(graph, { "": 13 }, { name: "littletern bench", version: VERSION }));
  const session = await api.InferenceSession.create(file, options);
  const x = new api.Tensor("float32", transposed(task.x, inputs), shape);
  let y = new Float32Array();
  return {
    weightBytes: product.constants[0]!.raw_data!.length,
    async run() {
      y = (await session.run({ x })).y!.data as Float32Array<ArrayBuffer>;
    },
    y: () => transposed(y, height * width),
    dispose: () => session.release(),
  };
}

function convAttributes({ kernel }: Convolution) {
  const pad = BigInt((kernel - 1) / 2);
  return { kernel_shape: [BigInt(kernel), BigInt(kernel)], pads: [pad, pad, pad, pad] };
}

/** Weights as (outputs, inputs, kernel, kernel). */
function channelsFirst({ codes, inputs, outputs, kernel }: Convolution): Int8Array {
  const each = inputs * kernel * kernel;
  const result = new Int8Array(codes.length);
  for (let m = 0; m < outputs; m++) result.set(transposed(codes.slice(m * each, (m + 1) * each), inputs), m * each);
  return result;
}

function floatConv(task: Convolution): Product {
  const { inputs, outputs, kernel } = task;
  const weights = Float32Array.from(channelsFirst(task), (code) => code * WEIGHT_SCALE);
  return {
    nodes: [node("Conv", ["x", "w"], "y", convAttributes(task))],
    constants: [floatTensor("w", [outputs, inputs, kernel, kernel], weights)],
  };
}

function integerConv(task: Convolution): Product {
  const { inputs, outputs, kernel } = task;
  const zero = (name: string) => byteTensor(name, "UINT8", [], [128]);
  return {
    nodes: [
      node("QuantizeLinear", ["x", "x.scale", "x.zero"], "x.codes"),
      node(
        "QLinearConv",
        ["x.codes", "x.scale", "x.zero", "w", "w.scale", "w.zero", "y.scale", "y.zero"],
        "y.codes",
        convAttributes(task),
      ),
      node("DequantizeLinear", ["y.codes", "y.scale", "y.zero"], "y"),
    ],
    constants: [
      byteTensor("w", "INT8", [outputs, inputs, kernel, kernel], channelsFirst(task)),
      ...[floatTensor("w.scale", [], [WEIGHT_SCALE]), byteTensor("w.zero", "INT8", [], [0])],
      ...[floatTensor("x.scale", [], [greatest(task.x) / 127]), zero("x.zero")],
      ...[floatTensor("y.scale", [], [spreadOf(task) / 127]), zero("y.zero")],
    ],
  };
}

/** Of the twin's scores, against those in float64. */
const TWIN_TOLERANCE = 1e-4;

async function solveTwin({ api, options }: Runtime, twin: FloatTwin, input: Float32Array) {
  const { inputs } = twin[0]!;
  const rows = input.length / inputs;
  const session = await api.InferenceSession.create(twinToOnnx(twin, rows), options);
  const x = new api.Tensor("float32", input, [rows, inputs]);
  const scores = (await session.run({ x })).y!.data as Float32Array;
  const expected = evaluateTwin(twin, input.subarray(0, inputs));
  const largest = Math.max(...expected.map(Math.abs));
  const wrong = expected.findIndex((score, i) => !(Math.abs(scores[i]! - score) <= TWIN_TOLERANCE * largest));
  if (wrong >= 0) throw new Error(`ORT fp32, score ${wrong}: found ${scores[wrong]}, expected ${expected[wrong]}`);
  return {
    async run() {
      await session.run({ x });
    },
    dispose: () => session.release(),
  };
}

function floatMatMul(task: Matmul): Product {
  const { M, K } = task;
  const weights = transpose(floatWeights(task), M, K);
  return { nodes: [node("MatMul", ["x", "w"], "y")], constants: [floatTensor("w", [K, M], weights)] };
}

/** Weights of int8; x is quantized to uint8, with a scale and a zero point for all of its rows. */
function dynamicMatMul({ M, K, codes }: Matmul): Product {
  const weights = new Uint8Array(transpose(codes, M, K).buffer as ArrayBuffer);
  return {
    nodes: [
      { ...node("DynamicQuantizeLinear", ["x"], "x.codes"), output: ["x.codes", "x.scale", "x.zero"] },
      node("MatMulInteger", ["x.codes", "w", "x.zero"], "sums"),
      node("Cast", ["sums"], "float", { to: BigInt(DATA_TYPE.FLOAT) }),
      node("Mul", ["x.scale", "w.scale"], "scale"),
      node("Mul", ["float", "scale"], "y"),
    ],
    constants: [
      { name: "w", dims: [K, M], data_type: DATA_TYPE.INT8, raw_data: weights },
      floatTensor("w.scale", [], [WEIGHT_SCALE]),
    ],
  };
}

/** Weights that share a scale. With 256, or at accuracy level 0, onnxruntime takes a path that is a hundred times slower. */
const BLOCK = 128;

/** MatMulNBits with 8-bit activations (accuracy level 4): code + 2 in two bits, four to a byte, low bits first. */
function twoBitMatMul({ M, K, codes }: Matmul): Product {
  const blocks = K / BLOCK;
  const packed = new Uint8Array((M * K) / 4);
  for (let i = 0; i < codes.length; i++) packed[i >> 2]! |= (codes[i]! + 2) << (2 * (i & 3));
  const attributes = { K: BigInt(K), N: BigInt(M), bits: 2n, block_size: BigInt(BLOCK), accuracy_level: 4n };
  return {
    nodes: [node("MatMulNBits", ["x", "w", "scales"], "y", attributes, "com.microsoft")],
    constants: [
      { name: "w", dims: [M, blocks, BLOCK / 4], data_type: DATA_TYPE.UINT8, raw_data: packed },
      floatTensor("scales", [M * blocks], new Float32Array(M * blocks).fill(WEIGHT_SCALE)),
    ],
  };
}

/** (M, K) → (K, M). */
function transpose<Numbers extends Float32Array | Int8Array>(numbers: Numbers, M: number, K: number): Numbers {
  const transposed = numbers.slice() as Numbers;
  for (let m = 0; m < M; m++) for (let k = 0; k < K; k++) transposed[k * M + m] = numbers[m * K + k]!;
  return transposed;
}
