import { numpy as np } from "@jax-js/jax";
import type { Statistics } from "./layers/batch_norm.ts";
import type { Network } from "./network.ts";
import type { Tensors } from "./optimizers/optimizer.ts";
import { normTensors } from "./plan.ts";
import type { State } from "./step.ts";

/** A tensor outside of jax-js: row-major. */
export interface PlainTensor {
  dims: readonly number[];
  data: Float32Array;
}

export type PlainTensors = ReadonlyMap<string, PlainTensor>;

/** Parameters and running averages by the names of the description: what a trained network is. Consumes nothing. */
export async function plainTensors(
  network: Network,
  { parameters, statistics }: Pick<State, "parameters" | "statistics">,
) {
  const plain = new Map<string, PlainTensor>();
  for (const name of network.parameters.keys()) plain.set(name, await plainTensor(parameters[name]!));
  for (const [layer, { mean, variance }] of normsOf(network)) {
    const running = statistics[layer]!;
    plain.set(mean, await plainTensor(running.mean));
    plain.set(variance, await plainTensor(running.variance));
  }
  return plain;
}

/** The other way round: every tensor that the network has, of its shape. */
export function arraysOf(network: Network, plain: PlainTensors): Pick<State, "parameters" | "statistics"> {
  const array = (name: string) => arrayOf(plain.get(name)!);
  const parameters: Tensors = Object.fromEntries([...network.parameters.keys()].map((name) => [name, array(name)]));
  const statistics = Object.fromEntries(
    normsOf(network).map(([layer, { mean, variance }]): [string, Statistics] => [
      layer,
      { mean: array(mean), variance: array(variance) },
    ]),
  );
  return { parameters, statistics };
}

/** Shapes of all tensors of a trained network, by their names. */
export function tensorShapes(network: Network): Map<string, readonly number[]> {
  const shapes = new Map(Array.from(network.parameters, ([name, { dims }]) => [name, dims]));
  for (const [layer, { mean, variance }] of normsOf(network)) {
    for (const name of [mean, variance]) shapes.set(name, [network.norms.get(layer)!]);
  }
  return shapes;
}

export async function plainTensor(array: np.Array): Promise<PlainTensor> {
  return { dims: array.shape, data: (await array.ref.data()) as Float32Array };
}

export function arrayOf({ dims, data }: PlainTensor): np.Array {
  return np.array(data, { shape: [...dims] });
}

function normsOf({ arch }: Network) {
  return arch.layers.flatMap((layer) => (layer.op === "batch_norm" ? [[layer.name, normTensors(layer)] as const] : []));
}
