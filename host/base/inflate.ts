import type { Gunzip, Inflate, Unzlib } from "fflate";

/** Content of a compressed stream, in parts. `fail` makes an error out of what is wrong. A chunk of n bytes inflates to at most 1032 · n. */
export function* inflate(
  Format: typeof Gunzip | typeof Inflate | typeof Unzlib,
  chunks: Iterable<Uint8Array>,
  fail: (message: string) => Error,
): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  const stream = new Format((part) => parts.push(part));
  const push = (chunk: Uint8Array, isLast: boolean) => {
    parts = [];
    try {
      stream.push(chunk, isLast);
    } catch (error) {
      throw fail(`cannot be inflated (${(error as Error).message})`);
    }
    return parts;
  };
  let held: Uint8Array | undefined; // until it is known whether it is the last one
  for (const chunk of chunks) {
    if (held) yield* push(held, false);
    held = chunk;
  }
  if (held) yield* push(held, true);
}

/** Bytes inflated at a time: 4 MiB at most come of them. */
const CHUNK_BYTES = 2 ** 12;

/** Bytes in memory, a chunk at a time. */
export function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
