/** The bytes of a file, of which parts are read as they are asked for. */
export interface ByteSource {
  bytes: number;
  /** So many bytes from one on: all of them lie in the file. */
  read(at: number, count: number): Uint8Array;
}

/** Bytes that are in memory already: parts are views of them. */
export function inMemory(bytes: Uint8Array): ByteSource {
  return { bytes: bytes.length, read: (at, count) => bytes.subarray(at, at + count) };
}
