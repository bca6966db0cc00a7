import { createRequire } from "node:module";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx_build.ts";
import {
  DATA_TYPE,
  type Draft,
  encodeModel,
  type NodeProto,
  type TensorProto,
} from "../../host/checkpoint/onnx_proto.ts";
import { EngineError } from "../../host/errors.ts";
import { VERSION } from "../../host/version.ts";
import { evaluateTwin, type FloatTwin, twinToOnnx } from "./float_twin.ts";
import { floatWeights, type Matmul, type Solver, WEIGHT_SCALE } from "./matmul.ts";
import type { PeerLibrary } from "./peer.ts";

type OnnxRuntime = typeof import("onnxruntime-node");
type SessionOptions = import("onnxruntime-node").InferenceSession.SessionOptions;

/** A node of inputs x (rows, K) and constants → y (rows, M), and the constants. */
interface OneNode {
  node: Draft<NodeProto>;
  constants: Draft<TensorProto>[];
}

const ONE_THREAD: SessionOptions = {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/** onnxruntime on one thread: models of one node. Throws EngineError "missing" where its library cannot be loaded. */
export async function openOnnxruntime(): Promise<PeerLibrary> {
  const runtime: OnnxRuntime = await import("onnxruntime-node").catch((error: Error) => {
    throw new EngineError("missing", `onnxruntime-node cannot be loaded: ${error.message}`);
  });
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json");
  return {
    name: "onnxruntime-node",
    version,
    peers: [
      { name: "ORT fp32", dtype: "ternary", solve: (task, rows) => solve(runtime, task, rows, floatMatMul(task)) },
      { name: "ORT 2-bit", dtype: "ternary", solve: (task, rows) => solve(runtime, task, rows, twoBitMatMul(task)) },
    ],
    solveTwin: (twin, x) => solveTwin(runtime, twin, x),
  };
}

async function solve(
  { InferenceSession, Tensor }: OnnxRuntime,
  task: Matmul,
  rows: number,
  one: OneNode,
): Promise<Solver> {
  const { M, K } = task;
  const graph = {
    name: "product",
    node: [one.node],
    initializer: one.constants,
    input: [valueInfo("x", [rows, K])],
    output: [valueInfo("y", [rows, M])],
  };
  const file = encodeModel(
    model(graph, { "": 13, "com.microsoft": 1 }, { name: "littletern bench", version: VERSION }),
  );
  const session = await InferenceSession.create(file, ONE_THREAD);
  const x = new Tensor("float32", task.x.slice(0, rows * K), [rows, K]);
  let y = new Float32Array();
  return {
    weightBytes: one.constants.reduce((bytes, { raw_data }) => bytes + raw_data!.length, 0),
    async run() {
      y = (await session.run({ x })).y!.data as Float32Array<ArrayBuffer>;
    },
    y: () => y,
    dispose: () => session.release(),
  };
}

/** Of the twin's scores, against those in float64. */
const TWIN_TOLERANCE = 1e-4;

async function solveTwin({ InferenceSession, Tensor }: OnnxRuntime, twin: FloatTwin, input: Float32Array) {
  const { inputs } = twin[0]!;
  const rows = input.length / inputs;
  const session = await InferenceSession.create(twinToOnnx(twin, rows), ONE_THREAD);
  const x = new Tensor("float32", input, [rows, inputs]);
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

function floatMatMul(task: Matmul): OneNode {
  const { M, K } = task;
  const weights = floatWeights(task);
  const transposed = new Float32Array(K * M);
  for (let m = 0; m < M; m++) for (let k = 0; k < K; k++) transposed[k * M + m] = weights[m * K + k]!;
  return { node: node("MatMul", ["x", "w"], "y"), constants: [floatTensor("w", [K, M], transposed)] };
}

/** Weights that share a scale. With 256, or at accuracy level 0, onnxruntime takes a path that is a hundred times slower. */
const BLOCK = 128;

/** MatMulNBits with 8-bit activations (accuracy level 4): code + 2 in two bits, four to a byte, low bits first. */
function twoBitMatMul({ M, K, codes }: Matmul): OneNode {
  const blocks = K / BLOCK;
  const packed = new Uint8Array((M * K) / 4);
  for (let i = 0; i < codes.length; i++) packed[i >> 2]! |= (codes[i]! + 2) << (2 * (i & 3));
  const attributes = { K: BigInt(K), N: BigInt(M), bits: 2n, block_size: BigInt(BLOCK), accuracy_level: 4n };
  return {
    node: node("MatMulNBits", ["x", "w", "scales"], "y", attributes, "com.microsoft"),
    constants: [
      { name: "w", dims: [M, blocks, BLOCK / 4], data_type: DATA_TYPE.UINT8, raw_data: packed },
      floatTensor("scales", [M * blocks], new Float32Array(M * blocks).fill(WEIGHT_SCALE)),
    ],
  };
}
