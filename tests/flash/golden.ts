import { FORMAT } from "../blob/spec.ts";

/** Bytes of a listing with offsets, of 16 bytes a line. */
export function listed(block: string): Uint8Array {
  const lines = [...block.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?){16})/gm)];
  return new Uint8Array(Buffer.from(lines.map(([, bytes]) => bytes!.replaceAll(" ", "")).join(""), "hex"));
}

/** The whole blob of host/blob/FORMAT.md. */
export const GOLDEN_BLOB = listed(FORMAT.split("```").find((block) => block.startsWith("\n0000"))!);
