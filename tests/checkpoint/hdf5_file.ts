import { zlibSync } from "fflate";

// HDF5 files as the format's description has them, for tests: groups, attributes of text, and datasets, by the oldest structures or the newer ones.

export type Hdf5Node = Hdf5Group | Hdf5Dataset;

export interface Hdf5Group {
  /** A text of variable length; a list of texts of one length. */
  attributes?: Record<string, string | string[]>;
  children?: Record<string, Hdf5Node>;
}

export interface Hdf5Dataset {
  dims: number[];
  data: number[];
  /** f32 if not given. */
  type?: "f32" | "f64" | "i64";
  /** Sizes of chunks, which are deflated. */
  chunk?: number[];
  shuffle?: boolean;
}

const NOWHERE = 0xffffffffffffffffn;

/** Bytes in the making: numbers by their width, little-endian. */
class Bytes {
  readonly #parts: number[] = [];

  get length(): number {
    return this.#parts.length;
  }
  u8(...values: number[]): this {
    for (const value of values) this.#parts.push(value & 255);
    return this;
  }
  u16(value: number): this {
    return this.u8(value, value >> 8);
  }
  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }
  u64(value: number | bigint): this {
    const whole = BigInt(value);
    return this.u32(Number(whole & 0xffffffffn)).u32(Number(whole >> 32n));
  }
  text(text: string, bytes = text.length): this {
    return this.add(new TextEncoder().encode(text)).zeros(bytes - text.length);
  }
  add(bytes: Uint8Array | Bytes): this {
    for (const byte of bytes instanceof Bytes ? bytes.#parts : bytes) this.#parts.push(byte);
    return this;
  }
  zeros(count: number): this {
    return this.add(new Uint8Array(count));
  }
  fill(multiple = 8): this {
    return this.zeros((multiple - (this.length % multiple)) % multiple);
  }
  done(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
}

/** Entries of a leaf, and of a node, halved, as the file's head tells them. */
const LEAF = 32;
const INNER = 16;

const TYPES = {
  f32: { bytes: 4, array: (data: number[]) => Float32Array.from(data) },
  f64: { bytes: 8, array: (data: number[]) => Float64Array.from(data) },
  i64: { bytes: 8, array: (data: number[]) => BigInt64Array.from(data, BigInt) },
};

/** Version 0 has trees of names and headers of version 1; version 2 has messages and headers of version 2. */
export function writeHdf5(root: Hdf5Group, version: 0 | 2 = 0): Uint8Array {
  const headBytes = version === 0 ? 96 : 48;
  const file = new Bytes().zeros(headBytes);
  const put = (bytes: Bytes): number => {
    file.fill();
    const at = file.length;
    file.add(bytes);
    return at;
  };
  const address = writeNode(root, put, version);
  const head = new Bytes().u8(0x89).text("HDF\r\n\x1a\n").u8(version);
  if (version === 0) {
    head.u8(0, 0, 0, 0, 8, 8, 0).u16(LEAF).u16(INNER).u32(0);
    head.u64(0).u64(NOWHERE).u64(file.length).u64(NOWHERE);
    head.u64(0).u64(address).u32(0).u32(0).zeros(16);
  } else head.u8(8, 8, 0).u64(0).u64(NOWHERE).u64(file.length).u64(address).u32(0);
  const bytes = file.done();
  bytes.set(head.done());
  return bytes;
}

type Put = (bytes: Bytes) => number;
type Message = [type: number, bytes: Bytes];

function writeNode(node: Hdf5Node, put: Put, version: 0 | 2): number {
  if ("dims" in node) return put(header(datasetMessages(node, put), version));
  const children = Object.entries(node.children ?? {}).map(([name, child]): [string, number] => {
    return [name, writeNode(child, put, version)];
  });
  children.sort(([a], [b]) => (a < b ? -1 : 1));
  const messages = version === 0 ? [tree(children, put)] : children.map(link);
  for (const [name, value] of Object.entries(node.attributes ?? {})) messages.push(attribute(name, value, put));
  return put(header(messages, version));
}

function header(messages: Message[], version: 0 | 2): Bytes {
  const body = new Bytes();
  for (const [type, bytes] of messages) {
    if (version === 2) body.u8(type).u16(bytes.length).u8(0).add(bytes);
    else {
      bytes.fill();
      body.u16(type).u16(bytes.length).u8(0, 0, 0, 0).add(bytes);
    }
  }
  if (version === 2) return new Bytes().text("OHDR").u8(2, 2).u32(body.length).add(body).u32(0);
  return new Bytes().u8(1, 0).u16(messages.length).u32(1).u32(body.length).u32(0).add(body);
}

function tree(children: [string, number][], put: Put): Message {
  if (children.length > 2 * LEAF) throw new Error("more names than a leaf has");
  const names = new Bytes().zeros(8);
  const symbols = new Bytes().text("SNOD").u8(1, 0).u16(children.length);
  let last = 0;
  for (const [name, address] of children) {
    last = names.length;
    symbols.u64(last).u64(address).u32(0).u32(0).zeros(16);
    names.text(`${name}\0`).fill();
  }
  symbols.zeros(8 + 80 * LEAF - symbols.length);
  const heap = new Bytes().text("HEAP").u8(0, 0, 0, 0).u64(names.length).u64(1).u64(put(names));
  const node = new Bytes()
    .text("TREE")
    .u8(0, 0)
    .u16(children.length > 0 ? 1 : 0)
    .u64(NOWHERE)
    .u64(NOWHERE);
  node.u64(0).u64(put(symbols)).u64(last);
  node.zeros(24 + 16 * 2 * INNER + 8 - node.length);
  return [0x11, new Bytes().u64(put(node)).u64(put(heap))];
}

function link([name, address]: [string, number]): Message {
  return [0x06, new Bytes().u8(1, 0, name.length).text(name).u64(address)];
}

function space(dims: number[]): Bytes {
  const bytes = new Bytes().u8(1, dims.length, 0, 0, 0, 0, 0, 0);
  for (const size of dims) bytes.u64(size);
  return bytes;
}

function attribute(name: string, value: string | string[], put: Put): Message {
  const isOne = typeof value === "string";
  const length = isOne ? 16 : Math.max(1, ...value.map((each) => each.length));
  const text = (bytes: number) => new Bytes().u8(0x13, 1, 0, 0).u32(bytes);
  const type = isOne ? new Bytes().u8(0x19, 1, 0, 0).u32(16).add(text(1)) : text(length);
  const shape = space(isOne ? [] : [value.length]);
  const data = new Bytes();
  if (isOne) {
    const encoded = new TextEncoder().encode(value);
    const heap = new Bytes().u16(1).u16(1).u32(0).u64(encoded.length).add(encoded).fill();
    const size = Math.max(4096, 16 + heap.length + 16);
    const free = size - 16 - heap.length;
    const at = put(
      new Bytes()
        .text("GCOL")
        .u8(1, 0, 0, 0)
        .u64(size)
        .add(heap)
        .u16(0)
        .u16(0)
        .u32(0)
        .u64(free)
        .zeros(free - 16),
    );
    data.u32(encoded.length).u64(at).u32(1);
  } else for (const each of value) data.text(each, length);
  const bytes = new Bytes()
    .u8(1, 0)
    .u16(name.length + 1)
    .u16(type.length)
    .u16(shape.length);
  return [0x0c, bytes.text(`${name}\0`).fill().add(type.fill()).add(shape.fill()).add(data)];
}

function datasetMessages({ dims, data, type = "f32", chunk, shuffle = false }: Hdf5Dataset, put: Put): Message[] {
  const { bytes, array } = TYPES[type];
  const float = type === "f32" ? [23, 8, 0, 23, 127] : [52, 11, 0, 52, 1023];
  const datatype =
    type === "i64"
      ? new Bytes().u8(0x10, 8, 0, 0).u32(8).u16(0).u16(64)
      : new Bytes()
          .u8(0x11, 0x20, bytes * 8 - 1, 0)
          .u32(bytes)
          .u16(0)
          .u16(bytes * 8)
          .u8(...float.slice(0, 4))
          .u32(float[4]!);
  const raw = new Uint8Array(array(data).buffer);
  const own: Message[] = [
    [0x01, space(dims)],
    [0x03, datatype],
  ];
  if (!chunk) {
    const at = put(new Bytes().add(raw));
    return [...own, [0x08, new Bytes().u8(3, 1).u64(at).u64(raw.length)]];
  }
  const filters = new Bytes().u8(1, shuffle ? 2 : 1, 0, 0, 0, 0, 0, 0);
  if (shuffle) filters.u16(2).u16(0).u16(1).u16(1).u32(bytes).u32(0);
  filters.u16(1).u16(0).u16(1).u16(1).u32(6).u32(0);
  const layout = new Bytes().u8(3, 2, dims.length + 1).u64(chunks(dims, data, chunk, type, shuffle, put));
  for (const size of chunk) layout.u32(size);
  return [...own, [0x0b, filters], [0x08, layout.u32(bytes)]];
}

/** The tree of chunks: those at the far ends are filled up with zeros. */
function chunks(
  dims: number[],
  data: number[],
  chunk: number[],
  type: keyof typeof TYPES,
  shuffle: boolean,
  put: Put,
): number {
  const { bytes, array } = TYPES[type];
  const counts = dims.map((size, axis) => Math.ceil(size / chunk[axis]!));
  const total = counts.reduce((a, b) => a * b, 1);
  const split = (i: number, sizes: number[]) => {
    const place = new Array<number>(sizes.length);
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      place[axis] = i % sizes[axis]!;
      i = Math.floor(i / sizes[axis]!);
    }
    return place;
  };
  const node = new Bytes().text("TREE").u8(1, 0).u16(total).u64(NOWHERE).u64(NOWHERE);
  const key = (stored: number, first: number[]) => {
    node.u32(stored).u32(0);
    for (const at of [...first, 0]) node.u64(at);
  };
  for (let c = 0; c < total; c++) {
    const first = split(c, counts).map((at, axis) => at * chunk[axis]!);
    const elements = Array.from({ length: chunk.reduce((a, b) => a * b, 1) }, (_, i) => {
      const at = split(i, chunk).map((own, axis) => own + first[axis]!);
      const isInside = at.every((own, axis) => own < dims[axis]!);
      return isInside ? data[at.reduce((sum, own, axis) => sum * dims[axis]! + own, 0)]! : 0;
    });
    const raw = new Uint8Array(array(elements).buffer);
    const shuffled = shuffle
      ? raw.map((_, i) => raw[(i % elements.length) * bytes + Math.floor(i / elements.length)]!)
      : raw;
    const packed = zlibSync(shuffled);
    key(packed.length, first);
    node.u64(put(new Bytes().add(packed)));
  }
  key(
    0,
    dims.map((_, axis) => counts[axis]! * chunk[axis]!),
  );
  return put(node);
}
