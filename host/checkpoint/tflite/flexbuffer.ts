import { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";

// FlexBuffers (https://flatbuffers.dev/flexbuffers), in which custom operators keep their options: a map of names to whole numbers and texts. Offsets count backwards
// from where they stand.

const INT = 1;
const UINT = 2;
const KEY = 4;
const TEXT = 5;
const MAP = 9;
const BOOL = 26;

const MAX_OPTIONS = 64;
const MAX_TEXT_BYTES = 256;

/** The options by name. `where` is what errors call them. Throws CheckpointError. */
export function readFlexMap(bytes: Uint8Array, where: string): Map<string, number | string> {
  const file = new Cursor(bytes, (offset, message) => new CheckpointError(`${where}, byte ${offset}: ${message}`));
  const fail = (message: string) => new CheckpointError(`${where}: ${message}`);
  const unsigned = (at: number, width: number): number => {
    file.seek(at);
    if (width === 1) return file.u8();
    if (width === 2) return file.u16();
    if (width === 4) return file.u32();
    if (width === 8) return Number(file.u64());
    throw fail(`numbers of ${width} bytes, expected 1, 2, 4 or 8`);
  };
  const signed = (at: number, width: number): number => {
    const x = unsigned(at, width);
    const range = 2 ** (8 * width);
    return x >= range / 2 ? x - range : x;
  };
  const target = (at: number, width: number) => at - unsigned(at, width);
  const text = (at: number, most: number): string => {
    file.seek(at);
    return new TextDecoder().decode(file.bytes(most));
  };
  const end = bytes.length - 2;
  const [type, width] = [unsigned(end, 1), unsigned(end + 1, 1)];
  if (type >> 2 !== MAP) throw fail(`a value of type ${type >> 2}, expected a map`);
  const values = target(end - width, width);
  const wide = 1 << (type & 3);
  const count = unsigned(values - wide, wide);
  if (count > MAX_OPTIONS) throw fail(`${count} options, expected at most ${MAX_OPTIONS}`);
  const keys = target(values - 3 * wide, wide);
  const keyWidth = unsigned(values - 2 * wide, wide);
  const options = new Map<string, number | string>();
  for (let i = 0; i < count; i++) {
    const nameAt = target(keys + i * keyWidth, keyWidth);
    const around = text(nameAt, Math.min(MAX_TEXT_BYTES, bytes.length - nameAt));
    const name = around.split("\0")[0]!;
    const packed = unsigned(values + count * wide + i, 1);
    const at = values + i * wide;
    const kind = packed >> 2;
    if (kind === INT || kind === BOOL) options.set(name, signed(at, wide));
    else if (kind === UINT) options.set(name, unsigned(at, wide));
    else if (kind === TEXT || kind === KEY) {
      const own = 1 << (packed & 3);
      const start = target(at, wide);
      const length = unsigned(start - own, own);
      if (length > MAX_TEXT_BYTES) throw fail(`option "${shown(name)}" is a text of ${length} bytes`);
      options.set(name, text(start, length));
    } else throw fail(`option "${shown(name)}" is of type ${kind}, expected a number or a text`);
  }
  return options;
}
