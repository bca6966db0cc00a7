import { CheckpointError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { MAX_NODES } from "../../base/limits.ts";
import { shown } from "../../base/printable.ts";
import { Fields, text } from "./fields.ts";

// What Keras writes of a model: a list of layers, each with those that it reads. Forms of Keras 2 and 3.

/** Layers of a file, those of models in models among them: they become up to eight nodes each. */
export const MAX_LAYERS = MAX_NODES / 8;

/** A result: that of a layer's call, which are counted, since a layer may be called again with other inputs. */
export interface Ref {
  layer: string;
  call: number;
}

export interface Layer {
  name: string;
  className: string;
  fields: Fields;
  /** What each of its calls reads. */
  calls: Ref[][];
  /** If it is a model itself. */
  network?: Network;
}

export interface Network {
  name: string;
  layers: Layer[];
  /** Its layers that stand for what goes in, in order. */
  inputs: Ref[];
  outputs: Ref[];
}

const MODELS = ["Functional", "Model", "Sequential"];

/** The network that a file describes. Throws CheckpointError. */
export function readNetwork(config: unknown): Network {
  let count = 0;
  return readModel(config, "model", () => {
    if (++count > MAX_LAYERS) throw new CheckpointError(`model: more than ${MAX_LAYERS} layers`);
  });
}

type Count = () => void;

function readModel(value: unknown, where: string, count: Count): Network {
  const model = new Fields(value, where);
  const className = model.text("class_name", "");
  if (!MODELS.includes(className)) {
    const advice = "expected Sequential or Functional: a model of a class of its own has no list of layers in the file";
    throw new CheckpointError(`${where}: class_name "${shown(className)}", ${advice}`);
  }
  const found = model.get("config");
  // before Keras 2.2.3, a sequential model was its list of layers
  const config = new Fields(Array.isArray(found) ? { layers: found } : found, where);
  const name = config.text("name", "model");
  const layers = config.list("layers").map((layer, i) => readLayer(layer, `${where}.layers[${i}]`, count));
  const names = new Set<string>();
  for (const layer of layers) {
    if (names.has(layer.name)) throw new CheckpointError(`${where}: two layers named "${shown(layer.name)}"`);
    names.add(layer.name);
  }
  if (layers.length === 0) throw new CheckpointError(`${where}: no layers, expected some`);
  return className === "Sequential" ? sequential(name, layers, config, model) : functional(name, layers, config, where);
}

function readLayer(value: unknown, where: string, count: Count): Layer {
  count();
  const layer = new Fields(value, where);
  const className = layer.text("class_name", "");
  const fields = new Fields(layer.get("config") ?? {}, where);
  const name = layer.text("name", fields.text("name", className));
  const calls = layer.list("inbound_nodes").map((call) => readCall(call, `${where}.inbound_nodes`));
  const read: Layer = { name, className, fields, calls };
  if (MODELS.includes(className)) read.network = readModel(value, `layer "${shown(name)}"`, count);
  return read;
}

/** What a call reads: lists of [layer, call, output, …], as Keras 2 has it; or arguments among which are tensors, as Keras 3 has it. */
function readCall(call: unknown, where: string): Ref[] {
  if (Array.isArray(call)) {
    const list = typeof call[0] === "string" ? [call] : call; // of one input, some versions have no list
    return list.map((each) => readRef(each, where));
  }
  const refs: Ref[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isObject(value) && value.class_name === "__keras_tensor__") {
      const { keras_history: history } = isObject(value.config) ? value.config : {};
      refs.push(readRef(history, where));
    } else if (isObject(value)) Object.values(value).forEach(collect);
  };
  const fields = new Fields(call, where);
  collect(fields.get("args"));
  collect(fields.get("kwargs"));
  return refs;
}

function readRef(value: unknown, where: string): Ref {
  const [layer, call, output] = Array.isArray(value) ? value : [];
  if (typeof layer !== "string" || !Number.isInteger(call) || call < 0) {
    throw new CheckpointError(`${where}: ${text(value)}, expected the name of a layer, and which of its calls`);
  }
  if (output !== 0)
    throw new CheckpointError(`${where}: output ${text(output)} of "${shown(layer)}", expected the first`);
  return { layer, call };
}

/** Layers one behind another. The shape of what goes in may be said by the first of them, or by the model. */
function sequential(name: string, layers: Layer[], config: Fields, model: Fields): Network {
  const first = layers[0]!;
  const shape =
    first.fields.get("batch_input_shape") ??
    config.get("build_input_shape") ??
    new Fields(model.get("build_config") ?? {}, name).get("input_shape");
  const chain = first.className === "InputLayer" ? layers : [inputLayer(layers, shape), ...layers];
  const calls = chain.map((layer, i) => ({
    ...layer,
    calls: i === 0 ? [] : [[{ layer: chain[i - 1]!.name, call: 0 }]],
  }));
  return {
    name,
    layers: calls,
    inputs: [{ layer: chain[0]!.name, call: 0 }],
    outputs: [{ layer: chain.at(-1)!.name, call: 0 }],
  };
}

function inputLayer(layers: readonly Layer[], shape: unknown): Layer {
  const wish = "input";
  const name = layers.some((layer) => layer.name === wish) ? `${wish}_of_${layers[0]!.name}` : wish;
  return { name, className: "InputLayer", fields: new Fields({ batch_shape: shape }, `layer "${name}"`), calls: [] };
}

function functional(name: string, layers: Layer[], config: Fields, where: string): Network {
  const ends = (field: string) => {
    const list = config.list(field);
    const refs = typeof list[0] === "string" ? [list] : list; // of one end, Keras 3 has no list
    if (refs.length === 0) throw new CheckpointError(`${where}: no ${field}, expected some`);
    return refs.map((ref) => readRef(ref, `${where}.${field}`));
  };
  const network: Network = { name, layers, inputs: ends("input_layers"), outputs: ends("output_layers") };
  return counted(network);
}

/**
 * Keras 2 counts the calls of a model in a model from 1 if it was a model before it was called, and writes down the others alone. Here, the
 * first that is written is 0.
 */
function counted(network: Network): Network {
  const refs = [...network.layers.flatMap(({ calls }) => calls.flat()), ...network.outputs];
  const least = new Map<string, number>();
  for (const { layer, call } of refs) least.set(layer, Math.min(call, least.get(layer) ?? Number.POSITIVE_INFINITY));
  const models = new Set(network.layers.flatMap((layer) => (layer.network ? [layer.name] : [])));
  const from = ({ layer, call }: Ref): Ref => ({ layer, call: models.has(layer) ? call - least.get(layer)! : call });
  return {
    ...network,
    layers: network.layers.map((layer) => ({ ...layer, calls: layer.calls.map((call) => call.map(from)) })),
    outputs: network.outputs.map(from),
  };
}

/** All variables' owners by the way to them: names of layers, and what files of Keras 3 call them. */
export interface Place {
  names: readonly string[];
  keys: readonly string[];
}

/** What files of Keras 3 call the layers of a model: by their classes, which are counted. */
export function keysOf({ layers }: Network): string[] {
  const counts = new Map<string, number>();
  return layers.map(({ className }) => {
    const key = snakeCase(className);
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return count === 0 ? key : `${key}_${count}`;
  });
}

/** QuantConv2D: quant_conv2d. As Keras has it (`naming.to_snake_case`). */
function snakeCase(name: string): string {
  const words = name.replace(/\W+/g, "").replace(/(.)([A-Z][a-z]+)/g, "$1_$2");
  return words.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}
