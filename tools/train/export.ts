import type { Layer } from "../../host/checkpoint/arch/layers.ts";
import { translate } from "../../host/checkpoint/arch/translate.ts";
import type { StoredTensor } from "../../host/checkpoint/weights_file.ts";
import type { Network } from "./network.ts";
import { EPSILON, normTensors } from "./plan.ts";
import type { Recipe } from "./recipes/recipe.ts";
import type { PlainTensor, PlainTensors } from "./tensors.ts";

/**
 * A trained network as a QONNX file (https://github.com/fastmachinelearning/qonnx): its description with the tensors, as `convert --arch` reads them.
 * Weights are the latent floats, each tensor behind its quantizer. Shift-based batch norms become plain ones, to the bit.
 */
export function toQonnx({ arch }: Network, { norm }: Pick<Recipe, "norm">, trained: PlainTensors): Uint8Array {
  const tensors = new Map(trained);
  const layers = arch.layers.map((layer): Layer => {
    if (layer.op !== "batch_norm") return layer;
    const { weight, variance } = normTensors(layer);
    const old = tensors.get(variance)!;
    const scales = weight === false ? undefined : tensors.get(weight)!;
    const epsilon = layer.epsilon ?? EPSILON;
    const channels = Array.from(old.data, (each, c) => norm.plain(scales?.data[c] ?? 1, each, epsilon));
    tensors.set(variance, { ...old, data: Float32Array.from(channels, (channel) => channel.variance) });
    if (weight !== false)
      tensors.set(weight, { ...scales!, data: Float32Array.from(channels, (channel) => channel.weight) });
    return { ...layer, epsilon: channels[0]!.epsilon };
  });
  const stored = new Map(Array.from(tensors, ([name, tensor]) => [name, storedTensor(tensor)]));
  const file = { format: "safetensors" as const, tensors: stored, notes: [] };
  return translate({ ...arch, layers }, file, "keep").model;
}

function storedTensor({ dims, data }: PlainTensor): StoredTensor {
  return { dims, type: "f32", read: () => Float64Array.from(data) };
}
