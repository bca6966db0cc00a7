// GGUF files as their specification has them, made by hand.

/** A tensor to write: its sizes with the fastest last, ggml's number of its type, and its data. */
export interface Stored {
  dims: readonly number[];
  type: number;
  data: Uint8Array;
}

type Fact = [type: number, value: number[]];

const bytesOf = (array: ArrayBufferView) => [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];
export const u32 = (value: number) => bytesOf(Uint32Array.of(value));
export const u64 = (value: number | bigint) => bytesOf(BigUint64Array.of(BigInt(value)));
export const text = (value: string) => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...u64(bytes.length), ...bytes];
};

/** A fact of u32, of text, and an array of texts. */
export const number = (value: number): Fact => [4, u32(value)];
export const word = (value: string): Fact => [8, text(value)];
export const words = (...values: string[]): Fact => [9, [...u32(8), ...u64(values.length), ...values.flatMap(text)]];

export interface Given {
  tensors: Record<string, Stored>;
  facts?: Record<string, Fact>;
  alignment?: number;
  version?: number;
  /** Places of tensors in the data, in place of one behind another. */
  offsets?: number[];
}

/** What stands before the data, filled up to a multiple of `alignment`; and where each tensor begins in them: one behind another, if not said. */
export function ggufHeader({ tensors, facts = {}, alignment = 32, version = 3, offsets }: Given): {
  header: Uint8Array;
  places: number[];
} {
  let end = 0;
  const places = Object.values(tensors).map(({ data }, i) => {
    const at = offsets?.[i] ?? end;
    end = filled(at + data.length, alignment);
    return at;
  });
  const bytes = [
    ...new TextEncoder().encode("GGUF"),
    ...u32(version),
    ...u64(places.length),
    ...u64(Object.keys(facts).length),
    ...Object.entries(facts).flatMap(([key, [type, value]]) => [...text(key), ...u32(type), ...value]),
    ...Object.entries(tensors).flatMap(([name, { dims, type }], i) => [
      ...text(name),
      ...u32(dims.length),
      ...dims.toReversed().flatMap(u64),
      ...u32(type),
      ...u64(places[i]!),
    ]),
  ];
  const header = new Uint8Array(filled(bytes.length, alignment));
  header.set(bytes);
  return { header, places };
}

function filled(bytes: number, alignment: number): number {
  return alignment * Math.ceil(bytes / alignment);
}

/** A file of tensors, each at a multiple of `alignment`, and the last one filled up to it. */
export function writeGguf(given: Given): Uint8Array {
  const { header, places } = ggufHeader(given);
  const all = Object.values(given.tensors);
  const ends = all.map(({ data }, i) => filled(places[i]! + data.length, given.alignment ?? 32));
  const file = new Uint8Array(header.length + Math.max(0, ...ends));
  file.set(header);
  for (const [i, { data }] of all.entries()) file.set(data, header.length + places[i]!);
  return file;
}
