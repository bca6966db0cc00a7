import { Cursor } from "../../base/cursor.ts";
import { CheckpointError, UnsupportedError } from "../../base/errors.ts";
import { MAX_WEIGHTS } from "../../base/limits.ts";
import { shown } from "../../base/printable.ts";
import type { ArchiveFile } from "../archive_file.ts";

// Folders of parameters as BNN-PYNQ's finnthesizer.py writes them (`convertFCNetwork`, `BNNProcElemMem`): of every layer L and processing element P,
// "L-P-weights.bin" and "L-P-thres.bin", 64-bit words, little-endian. Neuron m of a layer is row m div PE of element m mod PE; a row is K / SIMD words, the
// first inputs in the lowest bits. Nothing in the files says PE, SIMD or K: they are found from how many files there are, how long they are, and which
// bits are ever set.

/** A dense layer with weights of ±1: its activation is +1 where more inputs agree with their weights than its threshold says, else −1. */
export interface PynqLayer {
  /** What the files call it: a number. */
  name: string;
  outputs: number;
  inputs: number;
  /** (outputs, inputs), of −1 and 1. */
  weights: Int8Array;
  /** Of each output: how many inputs may agree. */
  thresholds: Float64Array;
}

const FILE = /^(.*\/)?(\d+)-(\d+)-(weights|thres)\.bin$/;

const WORD_BYTES = 8;
const WORD_BITS = 64;

/** Inputs of the first layer, and outputs of the last, are filled up to a multiple of so many, with weights of +1. */
const PADDED_TO = 64;
/** The threshold of an output that only fills up: the greatest of 16 bits. */
const NEVER = 2 ** 15 - 1;

/** So many rows or words have to agree before it is no chance: 1 in 2^32 for weights that were trained. */
const EVIDENCE = 32;

const MAX_LAYERS = 64;

/** Whether an archive holds such files. */
export function isPynqFolder(names: Iterable<string>): boolean {
  for (const name of names) if (FILE.test(name)) return true;
  return false;
}

/** Files by layer and element, and what is beside them. */
interface Folder {
  layers: { weights: (ArchiveFile | undefined)[]; thres: (ArchiveFile | undefined)[] }[];
  others: string[];
}

function sorted(entries: ReadonlyMap<string, ArchiveFile>): Folder {
  const found: Folder = { layers: [], others: [] };
  const folders = new Set<string>();
  for (const [name, file] of entries) {
    const [, folder = "", l, p, kind] = name.match(FILE) ?? [];
    if (l === undefined) {
      found.others.push(name);
      continue;
    }
    folders.add(folder);
    const [layer, element] = [Number(l), Number(p)];
    if (layer >= MAX_LAYERS || element >= entries.size) {
      throw new CheckpointError(`"${shown(name)}": layer ${layer}, element ${element}, but ${entries.size} files`);
    }
    found.layers[layer] ??= { weights: [], thres: [] };
    found.layers[layer][kind as "weights" | "thres"][element] = file;
  }
  if (folders.size > 1) {
    const [a, b] = [...folders].map((each) => `"${shown(each)}"`);
    throw new CheckpointError(`parameters of ${folders.size} networks, in ${a} and ${b}, expected those of one`);
  }
  return found;
}

/** The network that a folder holds, and names of files that are no parameters. Throws CheckpointError, and UnsupportedError for a network of another kind. */
export function readPynqFolder(entries: ReadonlyMap<string, ArchiveFile>): { layers: PynqLayer[]; others: string[] } {
  const { layers: files, others } = sorted(entries);
  const layers: PynqLayer[] = [];
  let left = MAX_WEIGHTS;
  for (let l = 0; l < files.length; l++) {
    const where = `layer ${l}`;
    const layer = files[l];
    if (!layer) throw new CheckpointError(`${where}: found no files, but those of layer ${files.length - 1}`);
    if (layer.thres.length === 0) {
      throw odd(l, "it has weights and no thresholds, as the last layer of the convolutional networks (CNV)");
    }
    const weights = equalFiles(layer.weights, where, "weights");
    const thresholds = equalFiles(layer.thres, where, "thres");
    if (thresholds.length !== weights.length) {
      throw new CheckpointError(`${where}: weights of ${weights.length} elements, thresholds of ${thresholds.length}`);
    }
    const words = weights[0]!.length / WORD_BYTES;
    const rows = thresholds[0]!.length / WORD_BYTES;
    if (words % rows !== 0) throw odd(l, `its elements have ${words} words of weights for ${rows} outputs`);
    if (words * weights.length < EVIDENCE || rows * weights.length < EVIDENCE) {
      throw new CheckpointError(
        `${where}: ${rows * weights.length} outputs of ${words / rows} words, expected at least ${EVIDENCE} outputs: fewer do not tell its sizes`,
      );
    }
    const simd = highestBit(weights) + 1;
    const inputs = simd * (words / rows);
    checkInputs(l, inputs, simd, layers.at(-1)?.outputs);
    left -= rows * weights.length * inputs;
    if (left < 0)
      throw new CheckpointError(`${where}: more than ${MAX_WEIGHTS} weights up to here, expected at most so many`);
    layers.push(unfolded(`${l}`, weights, thresholds, simd, inputs));
  }
  layers[0] = withoutPadding(layers[0]!);
  layers[layers.length - 1] = withoutIdle(layers.at(-1)!);
  return { layers, others };
}

/** The words of all elements of a layer, each as long as the others. */
function equalFiles(files: readonly (ArchiveFile | undefined)[], where: string, what: string): Uint8Array[] {
  return Array.from(files, (file, element) => {
    if (!file)
      throw new CheckpointError(`${where}: found no ${what} of element ${element}, but of element ${files.length - 1}`);
    const expected = files[0]?.bytes ?? file.bytes;
    if (file.bytes === 0 || file.bytes % WORD_BYTES !== 0 || file.bytes !== expected) {
      const wanted = file.bytes === expected ? `words of ${WORD_BYTES}` : `${expected}, as element 0 has`;
      throw new CheckpointError(`${where}: ${what} of element ${element} have ${file.bytes} bytes, expected ${wanted}`);
    }
    if (file.bytes > MAX_WEIGHTS) {
      throw new CheckpointError(
        `${where}: ${what} of element ${element} have ${file.bytes} bytes, expected at most ${MAX_WEIGHTS}`,
      );
    }
    return file.read();
  });
}

/** The highest bit that any word has: of trained weights one in two has the highest one that belongs to it. −1 where all are 0. */
function highestBit(files: readonly Uint8Array[]): number {
  const any = new Uint8Array(WORD_BYTES);
  for (const bytes of files) for (let i = 0; i < bytes.length; i++) any[i % WORD_BYTES]! |= bytes[i]!;
  const byte = any.findLastIndex((bits) => bits !== 0);
  return byte < 0 ? -1 : 8 * byte + 31 - Math.clz32(any[byte]!);
}

/** Refuses a layer whose inputs are not the outputs of the one before it, or, of the first layer, not filled up. */
function checkInputs(layer: number, inputs: number, simd: number, before: number | undefined): void {
  const found = `its words have ${simd} bits, which are ${inputs} inputs`;
  if (before === undefined) {
    if (inputs > 0 && inputs % PADDED_TO === 0) return;
    throw odd(layer, `${found}, not a multiple of ${PADDED_TO}`);
  }
  if (inputs === before) return;
  const ratio = inputs / before;
  const isKernel = Number.isInteger(ratio) && Number.isInteger(Math.sqrt(ratio));
  const guess = isKernel
    ? `${ratio} times as many, as a convolution has`
    : "as where weights have more bits, or outputs more thresholds than one";
  throw odd(layer, `${found}, and the layer before it has ${before} outputs: ${guess}`);
}

function odd(layer: number, why: string): UnsupportedError {
  return new UnsupportedError([
    {
      node: `layer ${layer}`,
      op: "BNN-PYNQ",
      shape: "",
      why,
      instead:
        "a folder of dense layers with weights and activations of 1 bit (LFC W1A1); the others (CNV, W1A2, W2A2) as the .npz that they were trained to, with --arch (docs/arch.md)",
    },
  ]);
}

function unfolded(
  name: string,
  weights: readonly Uint8Array[],
  thresholds: readonly Uint8Array[],
  simd: number,
  inputs: number,
): PynqLayer {
  const elements = weights.length;
  const outputs = (thresholds[0]!.length / WORD_BYTES) * elements;
  const layer = {
    name,
    outputs,
    inputs,
    weights: new Int8Array(outputs * inputs),
    thresholds: new Float64Array(outputs),
  };
  for (let m = 0; m < outputs; m++) {
    const [row, element] = [Math.floor(m / elements), m % elements];
    const words = weights[element]!;
    const first = row * (inputs / simd) * WORD_BYTES;
    for (let k = 0; k < inputs; k++) {
      const bit = (k % simd) + WORD_BITS * Math.floor(k / simd);
      const isSet = (words[first + (bit >> 3)]! >> (bit & 7)) & 1;
      layer.weights[m * inputs + k] = isSet ? 1 : -1;
    }
    const at = new Cursor(thresholds[element]!, (_, message) => new CheckpointError(`layer ${name}: ${message}`));
    at.seek(row * WORD_BYTES);
    const threshold = at.i64();
    if (threshold < -(2n ** 31n) || threshold >= 2n ** 31n) {
      throw new CheckpointError(`layer ${name}: threshold ${threshold} of output ${m}, expected one of 32 bits`);
    }
    layer.thresholds[m] = Number(threshold);
  }
  return layer;
}

/** The layer without the inputs that fill it up: the last ones, whose weights are +1 in every row. They are −1, so that none of them ever agrees. */
function withoutPadding(layer: PynqLayer): PynqLayer {
  const { inputs, outputs, weights } = layer;
  let real = inputs;
  const isFilling = (k: number) => {
    for (let at = k; at < weights.length; at += inputs) if (weights[at] !== 1) return false;
    return true;
  };
  while (inputs - real < PADDED_TO - 1 && real > 1 && isFilling(real - 1)) real--;
  const kept = new Int8Array(outputs * real);
  for (let m = 0; m < outputs; m++) kept.set(weights.subarray(m * inputs, m * inputs + real), m * real);
  return { ...layer, inputs: real, weights: kept };
}

/** The layer without the outputs that fill it up: the last ones, whose weights are +1, and whose thresholds nothing reaches. */
function withoutIdle(layer: PynqLayer): PynqLayer {
  const { inputs, outputs, weights, thresholds } = layer;
  let real = outputs;
  const isIdle = (m: number) => {
    return thresholds[m] === NEVER && weights.subarray(m * inputs, (m + 1) * inputs).every((w) => w === 1);
  };
  while (outputs - real < PADDED_TO - 1 && real > 1 && isIdle(real - 1)) real--;
  return { ...layer, outputs: real, weights: weights.slice(0, real * inputs), thresholds: thresholds.slice(0, real) };
}
