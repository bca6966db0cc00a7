/** Named tensors without a graph: safetensors, npz, PyTorch's state dicts, weights of Keras, GGUF. What they mean, a network described by hand says (arch.ts). */
export interface WeightsFile {
  format: "safetensors" | "npz" | "torch" | "keras" | "gguf";
  /** By name, in the order of the file. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** Sentences for people. */
  notes: string[];
}

/** A tensor that stays in its file until it is read. */
export interface StoredTensor {
  dims: readonly number[];
  /** What the file calls the type of its elements. */
  type: string;
  /** Its elements in row-major order, finite. Throws CheckpointError. */
  read(): Float64Array;
}

/** More axes than any layer has; NumPy allows as many. */
export const MAX_TENSOR_AXES = 64;
