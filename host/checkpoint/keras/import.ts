import { CheckpointError, type Unsupported, UnsupportedError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { MAX_ROW_ELEMENTS } from "../../base/limits.ts";
import { shown } from "../../base/printable.ts";
import { Builder, QONNX, type Result } from "../arch/builder.ts";
import type { Checkpoint, ImportOptions } from "../checkpoint.ts";
import { model, valueInfo } from "../onnx/build.ts";
import { importOnnx } from "../onnx/import.ts";
import { encodeModel } from "../onnx/proto.ts";
import { Refusal } from "../refusal.ts";
import { elements } from "../tensor.ts";
import { MAKE_INT8 } from "../weights.ts";
import type { StoredTensor } from "../weights_file.ts";
import { text } from "./fields.ts";
import type { KerasFile } from "./file.ts";
import { type Call, flatten, kerasShape, LAYERS, type Value, whereOf } from "./layers.ts";
import { keysOf, type Layer, MAX_LAYERS, type Network, type Place, type Ref } from "./network.ts";

/**
 * Reads a model of Keras: it becomes a QONNX model, and is imported as one. Throws CheckpointError for a file that does not fit itself, and
 * UnsupportedError with all that cannot be converted; and whatever the importer throws.
 */
export function importKeras(file: KerasFile, options: ImportOptions): Checkpoint {
  const { model, notes, reasons, floats } = translateKeras(file);
  const all = options.floats === undefined ? [...reasons, ...floats] : reasons;
  if (all.length > 0) throw new UnsupportedError(all);
  const checkpoint = importOnnx(model, options);
  return { ...checkpoint, notes: [...notes, ...checkpoint.notes] };
}

const OPSET = 13;

/** What all calls read together, those in models that are called again among them: a DenseNet of a thousand layers reads some thirty thousand. */
const MAX_READS = 1 << 18;

/** Of kernels that are float. */
const INSTEAD = `a network trained with quantizers (QuantConv2D and QuantDense of Larq, QConv2D and QDense of QKeras), or ${MAKE_INT8}`;

interface Translated {
  model: Uint8Array;
  notes: string[];
  /** Layers that are not known. */
  reasons: Unsupported[];
  /** Kernels without a quantizer. */
  floats: Unsupported[];
}

/** A model of Keras as a QONNX model, as far as its layers are known. */
export function translateKeras(file: KerasFile): Translated {
  const walk = new Walk(file);
  const { network } = file;
  const outputs = walk.run(network, { names: [], keys: [] }, undefined);
  const ends = outputs.flatMap((value) => (value ? [walk.end(value)] : []));
  const { to, inputs, notes, reasons } = walk;
  const graph = {
    name: network.name,
    node: to.nodes,
    initializer: to.constants,
    input: inputs.map(({ name, shape }) => valueInfo(name, ["N", ...shape])),
    output: ends.map((value) => valueInfo(value, [])),
  };
  const bytes = encodeModel(model(graph, { "": OPSET, [QONNX]: 1 }, { name: "keras", version: file.version }));
  return { model: bytes, notes: [...new Set(notes)], reasons, floats: to.floats };
}

/** Goes through the layers of a network in an order in which they can run. */
class Walk {
  readonly inputs: { name: string; shape: number[] }[] = [];
  readonly notes: string[] = [];
  readonly reasons: Unsupported[] = [];
  readonly to: Builder;
  readonly #file: KerasFile;
  readonly #tensors = new Map<string, StoredTensor>();
  /** Inputs with their channels first. */
  readonly #pictures = new Map<string, Value>();
  /** Calls of layers so far: models in models may be called again and again. */
  #calls = 0;
  #reads = 0;

  constructor(file: KerasFile) {
    this.#file = file;
    this.to = new Builder({ tensors: this.#tensors }, [], "hwc", INSTEAD);
  }

  /** The results of a network; undefined for what depends on something that is not known. `given`: what goes in; undefined for that of the whole. */
  run(network: Network, place: Place, given: readonly (Value | undefined)[] | undefined): (Value | undefined)[] {
    const keys = keysOf(network);
    const results = new Map<string, Value | undefined>();
    const waiting = new Map<string, { layer: Layer; call: number; reads: Ref[]; place: Place; open: number }[]>();
    const ready: { layer: Layer; call: number; reads: Ref[]; place: Place }[] = [];
    const done = (key: string, value: Value | undefined): void => {
      if (results.has(key)) throw new CheckpointError(`model "${shown(network.name)}": "${shown(key)}" is made twice`);
      results.set(key, value);
      for (const each of waiting.get(key) ?? []) if (--each.open === 0) ready.push(each);
    };
    for (const [i, layer] of network.layers.entries()) {
      const own = { names: [...place.names, layer.name], keys: [...place.keys, keys[i]!] };
      for (const [call, reads] of layer.calls.entries()) {
        if (reads.length === 0) continue;
        this.#reads += reads.length;
        if (this.#reads > MAX_READS) throw new CheckpointError(`model: its layers read more than ${MAX_READS} results`);
        const entry = { layer, call, reads, place: own, open: reads.length };
        for (const read of reads) {
          const list = waiting.get(keyOf(read));
          if (list) list.push(entry);
          else waiting.set(keyOf(read), [entry]);
        }
      }
    }
    for (const [i, ref] of network.inputs.entries()) {
      const layer = network.layers.find(({ name }) => name === ref.layer);
      if (!layer)
        throw new CheckpointError(`model "${shown(network.name)}": input "${shown(ref.layer)}" is no layer of it`);
      if (given && given.length !== network.inputs.length) {
        throw new CheckpointError(
          `model "${shown(network.name)}": ${given.length} inputs, expected ${network.inputs.length}`,
        );
      }
      done(keyOf(ref), given ? given[i] : this.#input(layer, place));
    }
    for (const entry of ready) {
      const { layer, call, reads } = entry;
      const operands = reads.map((read) => results.get(keyOf(read)));
      done(keyOf({ layer: layer.name, call }), this.#apply(layer, entry.place, operands));
    }
    return network.outputs.map((ref) => {
      if (results.has(keyOf(ref))) return results.get(keyOf(ref));
      throw new CheckpointError(
        `model "${shown(network.name)}": output "${shown(ref.layer)}" does not depend on an input`,
      );
    });
  }

  #apply(layer: Layer, place: Place, operands: readonly (Value | undefined)[]): Value | undefined {
    if (++this.#calls > MAX_LAYERS) throw new CheckpointError(`model: more than ${MAX_LAYERS} calls of layers`);
    if (layer.network) {
      const [output, ...others] = this.run(layer.network, place, operands);
      if (others.length === 0) return output;
      throw new CheckpointError(`layer "${shown(layer.name)}": a model of ${others.length + 1} outputs, expected one`);
    }
    if (operands.includes(undefined)) return undefined;
    const readsRaw = layer.className === "Reshape" || layer.className === "Flatten";
    const inputs = (operands as Value[]).map((value) => (readsRaw ? value : this.#entered(value)));
    const name = this.to.fresh(place.names.join("/"));
    const call: Call = {
      ...{ to: this.to, name, className: layer.className, fields: layer.fields, inputs },
      variable: (variable, index) => this.#variable(place, variable, index),
      takeInput: (input, shape) => this.#takeInput(input, shape),
      entered: (input) => this.#entered(input),
      note: (sentence) => this.notes.push(sentence),
    };
    try {
      refusePolicy(layer);
      const convert = Object.hasOwn(LAYERS, layer.className) ? LAYERS[layer.className] : undefined;
      if (!convert) throw new Refusal("no such layer here", `one of ${Object.keys(LAYERS).join(", ")}`);
      return convert(call);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const shape = inputs[0] ? `[${kerasShape(inputs[0]).join(", ")}]` : "";
      this.reasons.push({ node: name, op: layer.className, shape, why: error.why, instead: error.instead });
      return undefined;
    }
  }

  #variable(place: Place, variable: string, index: number) {
    const name = [...place.names, variable].join("/");
    const tensor = this.#tensors.get(name) ?? this.#file.variable(place, variable, index);
    if (!tensor) return undefined;
    this.#tensors.set(name, tensor);
    return { name, tensor, replace: (other: StoredTensor) => void this.#tensors.set(name, other) };
  }

  /** What an InputLayer stands for, as it is. */
  #input(layer: Layer, place: Place): Value {
    const where = whereOf(layer);
    const { fields, className } = layer;
    if (className !== "InputLayer") throw new CheckpointError(`${where} is an input, expected an InputLayer`);
    const found = fields.get("batch_shape") ?? fields.get("batch_input_shape");
    const [, ...shape] = Array.isArray(found) ? found : [];
    const isKnown = shape.every((size) => Number.isInteger(size) && size >= 1);
    if (!isKnown || shape.length < 1 || shape.length > 3 || elements(shape) > MAX_ROW_ELEMENTS) {
      const expected = `the batch, and 1 to 3 sizes that are known, of at most ${MAX_ROW_ELEMENTS} elements`;
      throw new CheckpointError(`${where}: shape ${text(found)}, expected ${expected}`);
    }
    const name = this.to.fresh([...place.names, layer.name].join("/"));
    this.inputs.push({ name, shape });
    return { value: name, shape, axes: shape.length as Value["axes"], isRaw: true };
  }

  /** What layers read of an input: channels come last in it, and first in the graph. A line becomes a picture of one row. */
  #entered(input: Value): Value {
    const { value: name, shape, axes, isRaw } = input;
    if (!isRaw) return input;
    const known = this.#pictures.get(name);
    if (known) return known;
    const { to } = this;
    const { emit } = to.step(name, "input", `input "${shown(name)}"`, input);
    let result: Result = { value: name, shape };
    const c = shape.at(-1)!;
    if (axes === 3) result = emit("Transpose", [name], [c, shape[0]!, shape[1]!], { perm: [0n, 3n, 1n, 2n] }, "more");
    if (axes === 2) {
      const { value } = emit("Transpose", [name], [c, shape[0]!], { perm: [0n, 2n, 1n] }, "more");
      const picture = [c, 1, shape[0]!];
      result = emit("Reshape", [value, to.whole([0, ...picture])], picture, {}, "more");
    }
    const picture: Value = { ...result, axes };
    this.#pictures.set(name, picture);
    return picture;
  }

  /** An input that nothing has read, as one of another shape. */
  #takeInput({ value }: Value, shape: number[]): Value | undefined {
    const input = this.inputs.find(({ name }) => name === value);
    if (!input || this.to.nodes.some((node) => node.input?.includes(value))) return undefined;
    input.shape = shape;
    return { value, shape, axes: shape.length as Value["axes"], isRaw: true };
  }

  /** The name of what comes out, flat if it is a vector. */
  end(given: Value): string {
    const value = this.#entered(given);
    if (value.shape.length === 1 || elements(value.shape) !== value.shape[0]) return value.value;
    const name = this.to.fresh(`${value.value}_flat`);
    return flatten(this.to.step(name, "output", name, value)).value;
  }
}

function keyOf({ layer, call }: Ref): string {
  return `${layer}, call ${call}`;
}

/** Layers that Keras has quantized hold other variables than those that were trained. */
function refusePolicy({ fields }: Layer): void {
  const dtype = fields.get("dtype");
  const policy = isObject(dtype) ? dtype.class_name : undefined;
  if (typeof policy !== "string" || !policy.startsWith("Quantized")) return;
  throw new Refusal("it is quantized by Keras", "the model before quantize(), whose kernels are floats");
}
