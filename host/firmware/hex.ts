/** Bytes and where they go. */
export interface Chunk {
  address: number;
  bytes: Uint8Array;
}

const RECORD_BYTES = 16;
/** Record types. */
const [DATA, END, UPPER_ADDRESS] = [0, 1, 4];

/** Intel HEX, which every flash tool reads. */
export function intelHex(chunks: readonly Chunk[]): string {
  const lines: string[] = [];
  for (const { address, bytes } of chunks) {
    let upper = -1;
    for (let at = 0; at < bytes.length; ) {
      const here = address + at;
      if (here >>> 16 !== upper) {
        upper = here >>> 16;
        lines.push(record(UPPER_ADDRESS, 0, Uint8Array.of(upper >> 8, upper & 255)));
      }
      const size = Math.min(RECORD_BYTES, bytes.length - at, 0x10000 - (here & 0xffff)); // not across 64 KB
      lines.push(record(DATA, here & 0xffff, bytes.subarray(at, at + size)));
      at += size;
    }
  }
  return `${[...lines, record(END, 0, new Uint8Array(0))].join("\n")}\n`;
}

function record(type: number, address: number, data: Uint8Array): string {
  const bytes = [data.length, address >> 8, address & 255, type, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return `:${[...bytes, -sum & 255].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`.toUpperCase();
}

/** The chunks as one run of bytes from the first one's address on; what is between them as erased flash has it. */
export function flatImage(chunks: readonly Chunk[]): Uint8Array {
  const start = chunks[0]!.address;
  const image = new Uint8Array(Math.max(...chunks.map(({ address, bytes }) => address + bytes.length)) - start).fill(
    255,
  );
  for (const { address, bytes } of chunks) image.set(bytes, address - start);
  return image;
}
