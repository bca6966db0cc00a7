/** What FlatBuffers (https://flatbuffers.dev/internals) are made of. */
export type Flat =
  /** Fields in the order of their ids; undefined: its default. */
  | { table: readonly (number | Flat | undefined)[] }
  /** A vector of references. */
  | { list: readonly Flat[] }
  /** A vector of numbers, or a string: how many there are, and their bytes. */
  | { count: number; bytes: Uint8Array };

/** Numbers as this machine has them, which is little-endian wherever the peers run. */
export function vector(numbers: Uint8Array | Int32Array | Float32Array | BigInt64Array): Flat {
  return { count: numbers.length, bytes: new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength) };
}

export function text(ascii: string): Flat {
  return { count: ascii.length, bytes: new TextEncoder().encode(`${ascii}\0`) };
}

/** Vectors begin at multiples of it: readers use large ones in place. */
const ALIGN = 16;

/**
 * A file with this root, and an identifier of four letters. Every field takes four bytes; where its schema wants fewer, those are
 * the first ones.
 */
export function encodeFlatbuffer(root: Flat, identifier: string): Uint8Array {
  const places = new Map<Flat, number>(); // what references point to: a table's start, a vector's length
  let end = 8;
  const place = (flat: Flat) => {
    if ("table" in flat) {
      const at = alignUp(end, 4) + vtableBytes(flat.table.length);
      places.set(flat, at);
      end = at + 4 + 4 * flat.table.length;
    } else {
      const at = alignUp(end + 4, ALIGN) - 4;
      places.set(flat, at);
      end = at + 4 + ("list" in flat ? 4 * flat.list.length : flat.bytes.length);
    }
    const children = "table" in flat ? flat.table : "list" in flat ? flat.list : [];
    for (const child of children) if (typeof child === "object") place(child); // behind: references point forward
  };
  place(root);

  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  const refer = (at: number, to: Flat) => view.setUint32(at, places.get(to)! - at, true);
  refer(0, root);
  file.set(new TextEncoder().encode(identifier), 4);
  for (const [flat, at] of places) {
    if ("table" in flat) {
      const fields = flat.table.length;
      const vtable = at - vtableBytes(fields);
      view.setInt32(at, at - vtable, true);
      view.setUint16(vtable, 4 + 2 * fields, true);
      view.setUint16(vtable + 2, 4 + 4 * fields, true);
      flat.table.forEach((field, i) => {
        if (field === undefined) return;
        view.setUint16(vtable + 4 + 2 * i, 4 + 4 * i, true);
        if (typeof field === "number") view.setInt32(at + 4 + 4 * i, field, true);
        else refer(at + 4 + 4 * i, field);
      });
    } else if ("list" in flat) {
      view.setUint32(at, flat.list.length, true);
      flat.list.forEach((child, i) => void refer(at + 4 + 4 * i, child));
    } else {
      view.setUint32(at, flat.count, true);
      file.set(flat.bytes, at + 4);
    }
  }
  return file;
}

function vtableBytes(fields: number): number {
  return alignUp(4 + 2 * fields, 4);
}

function alignUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
