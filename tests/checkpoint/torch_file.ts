import { zipSync } from "fflate";

// What torch.save writes, made by hand: instructions of Python's pickle, in bytes.

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const u32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];

export const text = (value: string): number[] => [0x58, ...u32(ascii(value).length), ...ascii(value)];
export const int = (value: number): number[] => [0x4a, ...u32(value)];
export const list = (...items: number[][]): number[] => [0x5d, 0x28, ...items.flat(), 0x65];
export const tuple = (...items: number[][]): number[] => [0x28, ...items.flat(), 0x74];
export const dict = (entries: [string, number[]][]): number[] => [
  0x7d,
  0x28,
  ...entries.flatMap(([name, value]) => [...text(name), ...value]),
  0x75,
];
export const global = (module: string, name: string): number[] => [0x63, ...ascii(`${module}\n${name}\n`)];
export const call = (callee: number[], ...args: number[][]): number[] => [...callee, ...tuple(...args), 0x52];
export const pickle = (value: number[], protocol = 2): number[] => [0x80, protocol, ...value, 0x2e];
export const NONE = [0x4e];
export const FALSE = [0x89];

export const ORDERED = call(global("collections", "OrderedDict"));

/** An OrderedDict as PyTorch writes a state dict, with the attribute that it keeps versions in. */
export const stateDict = (entries: [string, number[]][]): number[] => [
  ...ORDERED,
  ...[0x28, ...entries.flatMap(([name, value]) => [...text(name), ...value]), 0x75],
  ...dict([["_metadata", ORDERED]]),
  0x62,
];

export interface Tensor {
  key: string;
  count: number;
  type?: string;
  offset?: number;
  size: number[];
  stride: number[];
}

export const storage = ({ key, count, type = "FloatStorage" }: Tensor): number[] => [
  ...tuple(text("storage"), global("torch", type), text(key), text("cpu"), int(count)),
  0x51,
];

export const tensor = (it: Tensor): number[] =>
  call(
    global("torch._utils", "_rebuild_tensor_v2"),
    storage(it),
    int(it.offset ?? 0),
    tuple(...it.size.map(int)),
    tuple(...it.stride.map(int)),
    FALSE,
    ORDERED,
  );

const MAGIC = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** A file of before 1.6. */
export function stream(value: number[], storages: Record<string, { count: number; bytes: Uint8Array }>): Uint8Array {
  return Uint8Array.from([
    ...pickle(MAGIC),
    ...pickle([0x4d, 0xe9, 0x03]),
    ...pickle(
      dict([
        ["protocol_version", int(1001)],
        ["little_endian", [0x88]],
      ]),
    ),
    ...pickle(value),
    ...pickle(list(...Object.keys(storages).map(text))),
    ...Object.values(storages).flatMap(({ count, bytes }) => [...u32(count), 0, 0, 0, 0, ...bytes]),
  ]);
}

/** A file of since 1.6: the storages by their keys, and more files of the archive. */
export function archive(
  value: number[],
  storages: Record<string, Uint8Array>,
  more: Record<string, Uint8Array> = {},
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`net/data/${key}`, [bytes, { level: 0 }]]);
  return zipSync({
    "net/data.pkl": [Uint8Array.from(pickle(value)), { level: 0 }],
    ...Object.fromEntries(data),
    ...more,
    "net/version": Uint8Array.of(0x33, 0x0a),
  });
}
