/** What is called of onnxruntime, in native code or in WebAssembly. It is no dependency of the project, so its own types are not here. */
export interface OnnxRuntime {
  InferenceSession: { create(file: Uint8Array, options: SessionOptions): Promise<InferenceSession> };
  Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => Tensor;
  /** Of the build for WebAssembly. */
  env: { wasm: { numThreads?: number } };
}

export interface SessionOptions {
  executionProviders?: string[];
  graphOptimizationLevel?: "disabled" | "all";
  intraOpNumThreads?: number;
  interOpNumThreads?: number;
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
}

export interface InferenceSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface Tensor {
  readonly data: Float32Array | BigInt64Array;
}
