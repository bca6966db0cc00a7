import { crc32 } from "../base/crc32.ts";
import { CheckpointError } from "../base/errors.ts";
import { gunzip } from "../base/gunzip.ts";
import { chunksOf } from "../base/inflate.ts";

/** What a gzip file of a checkpoint may hold: forty times the parameters of LFC. */
const MAX_CONTENT_BYTES = 2 ** 25;

/** The content of a gzip file. Throws CheckpointError. */
export function gunzipped(bytes: Uint8Array): Uint8Array {
  const fail = (message: string) => new CheckpointError(message);
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const part of gunzip(chunksOf(bytes), "gzip", fail, crc32)) {
    total += part.length;
    if (total > MAX_CONTENT_BYTES) {
      throw fail(`gzip: inflates to more than ${MAX_CONTENT_BYTES} bytes, expected at most so many`);
    }
    parts.push(part);
  }
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
