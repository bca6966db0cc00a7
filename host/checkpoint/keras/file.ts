import { CheckpointError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { shown } from "../../base/printable.ts";
import type { ArchiveFile } from "../archive_file.ts";
import { type Hdf5Object, openHdf5 } from "../hdf5/open.ts";
import type { StoredTensor, WeightsFile } from "../weights_file.ts";
import { Fields } from "./fields.ts";
import { type Network, type Place, readNetwork } from "./network.ts";

// Files of Keras: .h5, as all versions write it, and .keras, an archive.

/** A model as a file has it. */
export interface KerasFile {
  network: Network;
  version: string;
  /** A variable of a layer by its name, and by how many stand before it; undefined if it is not there. */
  variable(place: Place, name: string, index: number): StoredTensor | undefined;
}

const CONFIG = "config.json";
const WEIGHTS = "model.weights.h5";

/** Whether an archive is a model of Keras. */
export function isKerasZip(entries: ReadonlyMap<string, ArchiveFile>): boolean {
  return entries.has(CONFIG) && entries.has(WEIGHTS);
}

/** The model of a .keras file. Throws CheckpointError. */
export function openKerasZip(entries: ReadonlyMap<string, ArchiveFile>): KerasFile {
  const json = (name: string) => readJson(entries.get(name)!.read(), name);
  const root = openHdf5(entries.get(WEIGHTS)!.read());
  const metadata = entries.has("metadata.json") ? new Fields(json("metadata.json"), "metadata.json") : undefined;
  return {
    network: readNetwork(json(CONFIG)),
    version: metadata?.text("keras_version", "") ?? "",
    variable({ names, keys }, _, index) {
      const group = root.child(`layers/${keys.join("/layers/")}/vars`);
      const name = group?.texts("name")?.[0];
      if (name !== undefined && name !== names.at(-1)) {
        throw new CheckpointError(
          `Keras: weights of "${shown(names.at(-1)!)}" are those of "${shown(name)}", expected its own`,
        );
      }
      return group?.child(`${index}`)?.tensor();
    },
  };
}

/** The model of a .h5 file, or its weights if it has no more. Throws CheckpointError. */
export function openKerasH5(bytes: Uint8Array): KerasFile | WeightsFile {
  const root = openHdf5(bytes);
  const config = root.texts("model_config")?.[0];
  if (config === undefined) return weightsOf(root);
  const weights = root.child("model_weights");
  if (!weights)
    throw new CheckpointError("Keras: a model without weights, expected both: model.save(…), not model.to_json()");
  const groups = new Map<string, Named>();
  const namesIn = (layer: string): Named => {
    const known = groups.get(layer) ?? byVariable(listOf(weights.child(layer), "weight_names"), layer);
    groups.set(layer, known);
    return known;
  };
  return {
    network: readNetwork(readJson(new TextEncoder().encode(config), "model_config")),
    version: root.texts("keras_version")?.[0] ?? "",
    variable({ names: [layer, ...inner] }, name) {
      const named = namesIn(layer!).get(name) ?? [];
      const own = inner.length === 0 ? named : named.filter(({ parts }) => parts.includes(inner.at(-1)!));
      const found = own.length > 1 ? own.filter(({ parts }) => inner.every((part) => parts.includes(part))) : own;
      if (found.length > 1) {
        const what = shown([...inner, name].join("/"));
        throw new CheckpointError(`Keras: "${shown(layer!)}" has ${found.length} weights that may be ${what}`);
      }
      return found[0] && weights.child(`${layer}/${found[0].path}`)?.tensor();
    },
  };
}

/** Weights of a layer, or of a model in a model: the largest have a thousand. */
const MAX_NAMES = 1 << 12;

/** Paths of weights and their parts, by what a variable is called: the last part without its number. */
type Named = Map<string, { path: string; parts: string[] }[]>;

function byVariable(paths: readonly string[], layer: string): Named {
  if (paths.length > MAX_NAMES) {
    throw new CheckpointError(`Keras: "${shown(layer)}" has ${paths.length} weights, expected at most ${MAX_NAMES}`);
  }
  const named: Named = new Map();
  for (const path of paths) {
    const parts = path.split("/");
    const variable = parts.at(-1)!.replace(/:\d+$/, "");
    const list = named.get(variable);
    if (list) list.push({ path, parts });
    else named.set(variable, [{ path, parts }]);
  }
  return named;
}

/** Names that an attribute holds; long lists are cut in several, which are counted. */
function listOf(group: Hdf5Object | undefined, attribute: string): string[] {
  const whole = group?.texts(attribute);
  if (whole || !group) return whole ?? [];
  const names: string[] = [];
  for (let i = 0, part = group.texts(`${attribute}0`); part; part = group.texts(`${attribute}${++i}`)) {
    for (const name of part) names.push(name);
  }
  return names;
}

function readJson(bytes: Uint8Array, name: string): unknown {
  return parseJson(bytes, (message) => new CheckpointError(`Keras: ${name} ${message}`));
}

/** All datasets of a file without a model, by their paths. */
function weightsOf(root: Hdf5Object): WeightsFile {
  const tensors = new Map<string, StoredTensor>();
  const open: { path: string; object: Hdf5Object }[] = [{ path: "", object: root }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { path, object } = next;
    if (object.isDataset) tensors.set(path, object.tensor());
    else {
      for (const name of object.names.toReversed()) {
        open.push({ path: path === "" ? name : `${path}/${name}`, object: object.child(name)! });
      }
    }
  }
  return { format: "keras", tensors, notes: [] };
}
