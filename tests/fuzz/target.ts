import type { Random } from "../graph/random.ts";

/** Something that reads untrusted bytes. Everything it does follows from a seed. */
export interface Target {
  /** An input to try. */
  input(random: Random): Uint8Array;
  /**
   * Reads an input, and does with what it has read what comes next. Returns what came of it, in a word, to be counted. Throws TernError where it
   * refuses the input; whatever else it throws is a finding.
   */
  run(bytes: Uint8Array, random: Random): string | Promise<string>;
}

/** Bytes with some of them changed, cut out, doubled or put in. */
export function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  let found: Uint8Array = bytes.slice();
  for (let edits = random.int(1, 4); edits > 0 && found.length > 0; edits--) {
    const at = random.int(0, found.length - 1);
    const size = random.int(1, Math.min(16, found.length - at));
    const part = found.subarray(at, at + size);
    switch (random.int(0, 6)) {
      case 0:
        found[at]! ^= 1 << random.int(0, 7);
        break;
      case 1:
        found[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(0, 255)]);
        break;
      case 2:
        part.fill(random.pick([0, 0xff]));
        break;
      case 3:
        found = join(found.subarray(0, at), found.subarray(at + size));
        break;
      case 4:
        found = join(found.subarray(0, at), part, found.subarray(at));
        break;
      case 5:
        found = join(found.subarray(0, at), randomBytes(size, random), found.subarray(at));
        break;
      default:
        found = found.slice(0, at);
    }
  }
  return found;
}

export function randomBytes(count: number, random: Random): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.int(0, 255));
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
