import { InputError } from "../../host/base/errors.ts";
import { isObject, parseJson } from "../../host/base/json.ts";
import { shown } from "../../host/base/printable.ts";
import { openSafetensors, safetensorsMetadata } from "../../host/checkpoint/safetensors/open.ts";
import { writeSafetensors } from "../../host/checkpoint/safetensors/write.ts";
import type { Network } from "./network.ts";
import { type PlainTensor, type PlainTensors, tensorShapes } from "./tensors.ts";
import type { Epoch, Snapshot } from "./train.ts";

// Where training stands, as a safetensors file: the network's tensors by their own names, so that `convert --arch` reads it too; those of the optimizer
// by names that begin with FIRST and SECOND; and the rest as JSON among the file's texts.

const FIRST = "optimizer.first.";
const SECOND = "optimizer.second.";
const TEXT = "littletern.training";

/** What a training is of, by words for people: a snapshot goes on with the same only. */
export type Settings = Readonly<Record<string, string>>;

type Rest = Omit<Snapshot, "tensors" | "moments"> & { settings: Settings };

export function writeSnapshot({ tensors, moments, ...rest }: Snapshot, settings: Settings): Uint8Array {
  const prefixed = (prefix: string, some: PlainTensors) =>
    Array.from(some, ([name, tensor]): [string, PlainTensor] => [prefix + name, tensor]);
  const all = [...tensors, ...prefixed(FIRST, moments.first), ...prefixed(SECOND, moments.second)];
  return writeSafetensors(new Map(all), { [TEXT]: JSON.stringify({ ...rest, settings } satisfies Rest) });
}

/**
 * Where the training of a network with these settings stopped. Throws InputError for a file of another training, which it names what differs of; and
 * whatever reading safetensors throws. `name` is what errors call the file.
 */
export function readSnapshot(bytes: Uint8Array, network: Network, settings: Settings, name: string): Snapshot {
  const text = safetensorsMetadata(bytes)[TEXT];
  if (text === undefined) throw new InputError(`${name}: found weights alone, expected where a training stands`);
  const fail = (message: string) => new InputError(`${name}: where the training stands ${message}`);
  const rest = parseJson(new TextEncoder().encode(text), fail);
  if (!isRest(rest)) throw fail("is not told, expected steps, random numbers, sums and a curve");
  const { settings: old, ...stand } = rest;
  const differing = Object.keys({ ...old, ...settings }).find((key) => old[key] !== settings[key]);
  if (differing !== undefined) {
    const [found, expected] = [old[differing], settings[differing]].map((value) => shown(value ?? "none"));
    throw new InputError(
      `${name}: is of another training: ${differing} ${found}, expected ${expected}; --restart begins anew`,
    );
  }
  const file = openSafetensors(bytes).tensors;
  const read = (prefix: string, names: Iterable<string>): PlainTensors =>
    new Map(
      Array.from(names, (each): [string, PlainTensor] => {
        const tensor = file.get(prefix + each);
        if (!tensor) throw new InputError(`${name}: tensor "${shown(prefix + each)}" is missing`);
        const dims = shapes.get(each)!;
        if (`${tensor.dims}` !== `${dims}`) {
          throw new InputError(
            `${name}: tensor "${shown(prefix + each)}" has shape [${tensor.dims}], expected [${dims}]`,
          );
        }
        return [each, { dims: tensor.dims, data: Float32Array.from(tensor.read()) }];
      }),
    );
  const shapes = tensorShapes(network);
  const parameters = [...network.parameters.keys()];
  const moments = { first: read(FIRST, parameters), second: read(SECOND, parameters) };
  return { ...stand, tensors: read("", shapes.keys()), moments };
}

function isRest(value: unknown): value is Rest {
  if (!isObject(value)) return false;
  const { step, drawn, sum, curve, settings } = value;
  const areNumbers = (object: unknown, ...names: string[]) =>
    isObject(object) && names.every((name) => Number.isFinite(object[name]));
  const isEpoch = (epoch: unknown): epoch is Epoch => areNumbers(epoch, "loss", "accuracy", "rate");
  return (
    Number.isSafeInteger(step) &&
    areNumbers(drawn, "atEpoch", "now") &&
    areNumbers(sum, "loss", "right") &&
    Array.isArray(curve) &&
    curve.every(isEpoch) &&
    isObject(settings)
  );
}
