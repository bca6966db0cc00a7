import { packingOf } from "../host/blob/pack/pack.ts";
import { readBlob } from "../host/blob/read.ts";
import { load, loadReference, type Session } from "../host/run/session.ts";
import type { Variant } from "../host/run/variant.ts";
import { ENGINES } from "./engines.ts";
import { accepts, packingsOf, VARIANTS } from "./variants.ts";

/** The module with all ops, in plain instructions. */
export const MODULE = VARIANTS.scalar!;

for (const [name, { engine }] of Object.entries(ENGINES)) {
  if (typeof engine === "string") console.warn(`SKIPPED sessions in ${name}: ${engine}`);
}

/** Whether a variant was built for the packings of a blob. */
export function runs(variant: string, blob: Uint8Array): boolean {
  const packings = packingsOf(VARIANTS[variant]!);
  return readBlob(blob).ops.every((op) => op.kind !== "dense" || packings.includes(packingOf(op).name));
}

/**
 * The blob in the reference and in every engine that is here, all modules that it accepts, both weight ways where a module runs the blob's
 * packings. The caller disposes of them.
 */
export async function openSessions(blob: Uint8Array, engines = ENGINES): Promise<Record<string, Session>> {
  const sessions: Record<string, Session> = { reference: loadReference(blob) };
  for (const [name, { engine }] of Object.entries(engines)) {
    if (typeof engine === "string") {
      if (process.env.TERN_REQUIRE_ALL === "1") throw new Error(engine);
      continue;
    }
    for (const [variant, module] of Object.entries(VARIANTS)) {
      if (!accepts(engine, module)) continue;
      for (const weights of ["resident", "streaming"] as const) {
        if (weights === "streaming" && !runs(variant, blob)) continue;
        const options = { module, variant: variant as Variant, blob, engine, weights };
        sessions[`${name}, ${variant}, ${weights}`] = await load(options);
      }
    }
  }
  return sessions;
}

export function disposeAll(sessions: Record<string, Session>): void {
  for (const session of Object.values(sessions)) session.dispose();
}
