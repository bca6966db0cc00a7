// Headers of slots, as assembly/update/FORMAT.md defines them.

export const HEADER = {
  magic: 0,
  formatVersion: 4,
  sequence: 8,
  counter: 12,
  bytes: 16,
  trailerBytes: 20,
  sha256: 24,
  crc: 56,
} as const;
export const HEADER_BYTES = 64;
export const CELL_BYTES = 32;
export const MAGIC = 0x544f4c53; // "SLOT"
export const FORMAT_VERSION = 1;

/** What the header of a slot says. */
export interface SlotHeader {
  sequence: number;
  counter: number;
  bytes: number;
  trailerBytes: number;
  sha256: Uint8Array;
}

/** The fields of a header, 64 bytes; what it says has to be looked at by who reads flash. */
export function readSlotHeader(header: Uint8Array): SlotHeader {
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const word = (field: "sequence" | "counter" | "bytes" | "trailerBytes") => view.getUint32(HEADER[field], true);
  return {
    sequence: word("sequence"),
    counter: word("counter"),
    bytes: word("bytes"),
    trailerBytes: word("trailerBytes"),
    sha256: header.slice(HEADER.sha256, HEADER.crc),
  };
}

/** The 44 bytes that a transfer begins with: a header from `counter` to `sha256`. */
export function encodeStatement({ counter, bytes, trailerBytes, sha256 }: Omit<SlotHeader, "sequence">): Uint8Array {
  const statement = new Uint8Array(HEADER.crc - HEADER.counter);
  const view = new DataView(statement.buffer);
  for (const [i, word] of [counter, bytes, trailerBytes].entries()) view.setUint32(4 * i, word, true);
  statement.set(sha256, HEADER.sha256 - HEADER.counter);
  return statement;
}
