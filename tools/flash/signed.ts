import { readTrailer } from "../../host/flash/signature.ts";
import { readBlob } from "../../host/index.ts";
import { UsageError } from "../options/usage.ts";

/** What a model's trailer says; without one, what --counter does. Throws for a blob or a trailer that is none. */
export function signedOf(
  blob: Uint8Array,
  trailer: Uint8Array,
  counter: number | undefined,
): { counter?: number | undefined; board?: string } {
  readBlob(blob); // is one
  if (trailer.length === 0) return { counter };
  const signed = readTrailer(trailer);
  if (counter === undefined || counter === signed.counter) return signed;
  throw new UsageError(`--counter ${counter}, expected ${signed.counter}, which is signed`);
}
