import { type Hdf5Dataset, type Hdf5Group, type Hdf5Node, writeHdf5 } from "../hdf5_file.ts";

/** Kernels and biases of a layer, by their names, as (shape, elements). */
export type Weights = Record<string, Record<string, [dims: number[], data: number[]]>>;

/** A .h5 file of a model as Keras 2 has it: its description, and the weights of each layer. */
export function kerasH5(config: unknown, weights: Weights, version: 0 | 2 = 0): Uint8Array {
  const children = Object.entries(weights).map(([layer, variables]): [string, Hdf5Group] => {
    const names = Object.keys(variables).map((name) => `${layer}/${name}:0`);
    const inner = Object.entries(variables).map(([name, [dims, data]]): [string, Hdf5Dataset] => [
      `${name}:0`,
      { dims, data },
    ]);
    return [
      layer,
      { attributes: { weight_names: names }, children: { [layer]: { children: Object.fromEntries(inner) } } },
    ];
  });
  const model: Hdf5Node = { attributes: { layer_names: Object.keys(weights) }, children: Object.fromEntries(children) };
  const text: Record<string, string> = config === undefined ? {} : { model_config: JSON.stringify(config) };
  return writeHdf5({ attributes: { ...text, keras_version: "2.15.0" }, children: { model_weights: model } }, version);
}

type Config = Record<string, unknown>;

export interface LayerOf {
  class_name: string;
  config: Config;
  name?: string;
  inbound_nodes?: unknown[];
}

export function layer(className: string, name: string, config: Config = {}): LayerOf {
  return { class_name: className, config: { name, ...config } };
}

/** Layers one behind another; the first says the shape of what goes in. */
export function sequential(shape: number[], ...layers: LayerOf[]) {
  const [first, ...others] = layers;
  const opened = { ...first!, config: { ...first!.config, batch_input_shape: [null, ...shape] } };
  return { class_name: "Sequential", config: { name: "net", layers: [opened, ...others] } };
}

/** A graph: each layer with the names of those that it reads. The last is the output. */
export function functional(...layers: [LayerOf, ...string[]][]) {
  const all = layers.map(([each, ...reads]) => ({
    ...each,
    name: each.config.name,
    inbound_nodes: reads.length === 0 ? [] : [reads.map((name) => [name, 0, 0, {}])],
  }));
  const ends = { input_layers: [[all[0]!.name, 0, 0]], output_layers: [[all.at(-1)!.name, 0, 0]] };
  return { class_name: "Functional", config: { name: "net", layers: all, ...ends } };
}

export function input(...shape: number[]): LayerOf {
  return layer("InputLayer", "x", { batch_input_shape: [null, ...shape] });
}
