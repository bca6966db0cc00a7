import { InputError } from "../../../host/base/errors.ts";

/** Samples and their classes. */
export interface Dataset {
  count: number;
  /** Of one sample: a picture (height, width, channels), or (features). */
  shape: readonly number[];
  /** (count, …shape). Bytes are pixels; floats are the numbers that a network takes. */
  elements: Uint8Array | Float32Array;
  labels: Uint16Array;
}

/** What a network learns from, and what it is tested on, if that is given apart. */
export interface Data {
  training: Dataset;
  test: Dataset | undefined;
  /** Where the data name their classes: a name for each label. */
  classes?: readonly string[];
}

export function sizeOf({ shape }: Pick<Dataset, "shape">): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The samples at these places, copied. */
export function subset(data: Dataset, indices: Uint32Array): Dataset {
  const size = sizeOf(data);
  const elements = new (data.elements.constructor as Uint8ArrayConstructor)(indices.length * size);
  for (const [i, index] of indices.entries()) {
    elements.set(data.elements.subarray(index * size, (index + 1) * size), i * size);
  }
  return {
    ...data,
    count: indices.length,
    elements,
    labels: Uint16Array.from(indices, (index) => data.labels[index]!),
  };
}

/** Samples one after another, all of one shape and kind. `name` is what errors call them. */
export function concatDatasets(parts: readonly Dataset[], name: string): Dataset {
  const [first] = parts as [Dataset];
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const elements = new (first.elements.constructor as Uint8ArrayConstructor)(count * sizeOf(first));
  const labels = new Uint16Array(count);
  let row = 0;
  for (const part of parts) {
    if (`${part.shape}` !== `${first.shape}`) {
      throw new InputError(`${name}: samples of shape [${first.shape}] and [${part.shape}], expected equal ones`);
    }
    elements.set(part.elements, row * sizeOf(first));
    labels.set(part.labels, row);
    row += part.count;
  }
  return { ...first, count, elements, labels };
}
