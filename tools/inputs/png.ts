import { crc32 } from "../../host/base/crc32.ts";
import { Cursor } from "../../host/base/cursor.ts";
import { InputError } from "../../host/base/errors.ts";
import { type ByteStream, slices } from "./byte_stream.ts";
import { concat } from "./concat.ts";
import { unzlib } from "./inflate.ts";
import type { InputStream } from "./input.ts";

export const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Pictures for a network are far smaller; the limit bounds the memory that a short hostile file can ask for. */
const MAX_PIXELS = 2 ** 24;

/** The same for the file, which is read at once: as many pixels of four 16-bit samples, and as much again. */
const MAX_FILE_BYTES = 2 ** 28;

/** Length, type, content and CRC of the first chunk. */
const HEADER_CHUNK_BYTES = 4 + 4 + 13 + 4;

/** Colour types: samples per pixel, and the bits that a sample may have. */
const COLOURS: Record<number, { name: "grey" | "rgb" | "palette"; alpha: boolean; samples: number; bits: number[] }> = {
  0: { name: "grey", alpha: false, samples: 1, bits: [1, 2, 4, 8, 16] },
  2: { name: "rgb", alpha: false, samples: 3, bits: [8, 16] },
  3: { name: "palette", alpha: false, samples: 1, bits: [1, 2, 4, 8] },
  4: { name: "grey", alpha: true, samples: 2, bits: [8, 16] },
  6: { name: "rgb", alpha: true, samples: 4, bits: [8, 16] },
};

interface Chunks {
  width: number;
  height: number;
  bits: number;
  colour: (typeof COLOURS)[number];
  palette: Uint8Array; // (entries, 3)
  /** Alpha of each palette entry, or the one grey or rgb value that is transparent, as u16 samples. */
  transparency: Uint8Array;
  compressed: Uint8Array[];
}

type Fail = (offset: number, message: string) => Error;

/**
 * Opens a PNG (w3.org/TR/png) as u8: [height, width] if grey, else [height, width, 3]. Samples of fewer than 8 bits are
 * stretched to 0 … 255, those of 16 rounded to 8; what is transparent is blended onto black. Gamma and colour profiles
 * are ignored, since a network wants the stored samples. Interlaced files are refused. `name` is what errors call the file.
 */
export function openPng(file: ByteStream, name: string): InputStream {
  const fail: Fail = (offset, message) => new InputError(`${name}, byte ${offset}: ${message}`);
  const start = new Cursor(file.peek(PNG_MAGIC.length + HEADER_CHUNK_BYTES), fail);
  start.skip(PNG_MAGIC.length);
  const { width, height, colour } = readHeader(readChunk(start, fail), fail);
  return {
    kind: "png",
    shape: colour.name === "grey" ? [height, width] : [height, width, 3],
    dtype: "u8",
    *parts(count) {
      const bytes = file.take(MAX_FILE_BYTES + 1); // only now: the shape may be reason enough to refuse the file
      if (bytes.length > MAX_FILE_BYTES) throw new InputError(`${name}: more than ${MAX_FILE_BYTES} bytes of PNG`);
      const data = decodePng(bytes, fail, name);
      for (let first = 0; first < data.length; first += count) yield data.subarray(first, first + count);
    },
    close: () => file.close(),
  };
}

function decodePng(bytes: Uint8Array, fail: Fail, name: string): Uint8Array {
  const chunks = readChunks(bytes, fail);
  const { width, height, bits, colour } = chunks;
  const rowBytes = Math.ceil((width * colour.samples * bits) / 8);
  const filtered = unzlib(slices(concat(chunks.compressed)), height * (1 + rowBytes), name);
  const rows = unfilter(filtered, rowBytes, Math.ceil((colour.samples * bits) / 8), name);

  const channels = colour.name === "grey" ? 1 : 3;
  const data = new Uint8Array(width * height * channels);
  const samples = new Uint16Array(colour.samples);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const firstBit = Math.floor(pixel / width) * rowBytes * 8 + (pixel % width) * colour.samples * bits;
    for (let s = 0; s < colour.samples; s++) samples[s] = sampleAt(rows, firstBit + s * bits, bits);
    data.set(blend(chunks, samples, channels, name), pixel * channels);
  }
  return data;
}

function readChunks(bytes: Uint8Array, fail: Fail): Chunks {
  const file = new Cursor(bytes, fail);
  file.skip(PNG_MAGIC.length);
  const chunks = readHeader(readChunk(file, fail), fail);
  for (;;) {
    const { offset, type, content } = readChunk(file, fail);
    if (type === "IDAT") {
      chunks.compressed.push(content);
    } else if (type === "PLTE") {
      if (content.length % 3 !== 0) throw fail(offset, `palette of ${content.length} bytes, expected a multiple of 3`);
      chunks.palette = content;
    } else if (type === "tRNS") {
      const keyBytes = 2 * chunks.colour.samples;
      if (chunks.colour.name !== "palette" && content.length !== keyBytes) {
        throw fail(offset, `transparency of ${content.length} bytes, expected ${keyBytes}`);
      }
      chunks.transparency = content;
    } else if (type === "IEND") {
      return chunks;
    } else if (/^[A-Z]/.test(type)) {
      throw fail(offset, `unknown chunk "${type}", which is needed to read the picture`); // a capital says so
    }
  }
}

interface Chunk {
  offset: number;
  type: string;
  content: Uint8Array;
}

/** Length, type, content, CRC of type and content. */
function readChunk(file: Cursor, fail: Fail): Chunk {
  const offset = file.offset;
  const contentBytes = file.u32be();
  const checked = file.bytes(4 + contentBytes);
  const crc = file.u32be();
  const type = new TextDecoder("latin1").decode(checked.subarray(0, 4));
  if (!/^[A-Za-z]{4}$/.test(type)) throw fail(offset, `chunk type ${JSON.stringify(type)}, expected four letters`);
  if (crc32(checked) !== crc) throw fail(offset, `chunk "${type}" is damaged: its CRC does not match`);
  return { offset, type, content: checked.subarray(4) };
}

function readHeader({ offset, type, content }: Chunk, fail: Fail): Chunks {
  if (type !== "IHDR") throw fail(offset, `chunk "${type}", expected "IHDR"`);
  const header = new Cursor(content, (at, message) => fail(offset + 8 + at, message));
  const width = header.u32be();
  const height = header.u32be();
  const bits = header.u8();
  const colourType = header.u8();
  header.skip(2); // compression and filter method: always 0
  const interlace = header.u8();
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) {
    throw fail(offset, `picture of ${width} x ${height}, expected 1 to ${MAX_PIXELS} pixels`);
  }
  const colour = COLOURS[colourType];
  if (!colour?.bits.includes(bits)) throw fail(offset, `colour type ${colourType} with ${bits} bits, which PNG lacks`);
  if (interlace !== 0) throw fail(offset, "interlaced picture, expected one saved without interlacing");
  const none = new Uint8Array(0);
  return { width, height, bits, colour, palette: none, transparency: none, compressed: [] };
}

/** What a filter adds to each byte, given the bytes of the pixel to the left, above, and above to the left. */
const FILTERS: ((left: number, up: number, upLeft: number) => number)[] = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

/** The neighbour nearest to left + up − upLeft; the first one among equals. */
function paeth(left: number, up: number, upLeft: number): number {
  const toLeft = Math.abs(up - upLeft);
  const toUp = Math.abs(left - upLeft);
  const toUpLeft = Math.abs(left + up - 2 * upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

/** Each row comes as its filter's number and its filtered bytes. */
function unfilter(filtered: Uint8Array, rowBytes: number, pixelBytes: number, name: string): Uint8Array {
  const height = filtered.length / (1 + rowBytes);
  const rows = new Uint8Array(height * rowBytes);
  for (let y = 0; y < height; y++) {
    const start = y * (1 + rowBytes);
    const filter = FILTERS[filtered[start]!];
    if (!filter) throw new InputError(`${name}: row ${y} has filter ${filtered[start]}, expected 0 to 4`);
    for (let i = 0; i < rowBytes; i++) {
      const at = y * rowBytes + i;
      const left = i >= pixelBytes ? rows[at - pixelBytes]! : 0;
      const up = y > 0 ? rows[at - rowBytes]! : 0;
      const upLeft = i >= pixelBytes && y > 0 ? rows[at - rowBytes - pixelBytes]! : 0;
      rows[at] = filtered[start + 1 + i]! + filter(left, up, upLeft);
    }
  }
  return rows;
}

/** Samples are big-endian, and begin at the highest bit of a byte. */
function sampleAt(rows: Uint8Array, bit: number, bits: number): number {
  const byte = Math.floor(bit / 8);
  if (bits === 16) return (rows[byte]! << 8) | rows[byte + 1]!;
  return (rows[byte]! >> (8 - bits - (bit % 8))) & (2 ** bits - 1);
}

/** A pixel as 1 or 3 bytes, on black. */
function blend(chunks: Chunks, samples: Uint16Array, channels: 1 | 3, name: string): number[] {
  const { colour, bits, palette, transparency } = chunks;
  if (colour.name === "palette") {
    const entry = samples[0]!;
    const rgb = palette.subarray(3 * entry, 3 * entry + 3);
    if (rgb.length < 3) throw new InputError(`${name}: palette entry ${entry}, but there are ${palette.length / 3}`);
    return Array.from(rgb, (c) => Math.round((c * (transparency[entry] ?? 255)) / 255));
  }
  const max = 2 ** bits - 1;
  const isKey = transparency.length > 0 && samples.every((x, s) => x === sampleAt(transparency, 16 * s, 16));
  const opacity = colour.alpha ? samples[channels]! / max : isKey ? 0 : 1;
  return Array.from(samples.subarray(0, channels), (x) => Math.round(((x * 255) / max) * opacity));
}
