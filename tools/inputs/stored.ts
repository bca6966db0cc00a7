import { Cursor } from "../../host/base/cursor.ts";
import { InputError } from "../../host/base/errors.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { Elements } from "./input.ts";
import { elementCount, formatIndex, formatShape } from "./shape.ts";

/** How a file stores the elements of an array. */
export interface Stored {
  /** What the format calls their type. */
  type: string;
  /** Bytes of one element. */
  bytes: number;
  dtype: Elements["dtype"];
  /** The next `count` elements. `fail` makes an error out of an offset and a message. */
  read(file: Cursor, count: number, fail: Fail): Elements["data"];
}

export type Fail = (offset: number, message: string) => Error;

/** The elements of an array that ends a file, `count` at a time. Floats are finite. `name` is what errors call the file. */
export function* readParts(
  file: ByteStream,
  shape: readonly number[],
  stored: Stored,
  count: number,
  name: string,
): Generator<Elements["data"]> {
  const total = elementCount(shape);
  const start = file.offset;
  const fail: Fail = (offset, message) => new InputError(`${name}, byte ${offset}: ${message}`);
  const wrongSize = (found: number | string) => {
    const expected = `${total * stored.bytes} for shape ${formatShape(shape)} of "${stored.type}"`;
    return fail(start, `${found} bytes of elements, expected ${expected}`);
  };
  for (let first = 0; first < total; first += count) {
    const size = Math.min(count, total - first);
    const at = file.offset;
    const bytes = file.take(size * stored.bytes);
    if (bytes.length < size * stored.bytes) throw wrongSize(file.offset - start);
    const failInPart: Fail = (offset, message) => fail(at + offset, message);
    const part = stored.read(new Cursor(bytes, failInPart), size, failInPart);
    const odd = part instanceof Float32Array ? part.findIndex((x) => !Number.isFinite(x)) : -1;
    if (odd >= 0) {
      const found = `${part[odd]}, expected a finite number in the range of f32`;
      throw new InputError(`${name}: element ${formatIndex(first + odd, shape)} is ${found}`);
    }
    yield part;
  }
  if (file.peek(1).length > 0) throw wrongSize(`more than ${total * stored.bytes}`);
}
