import { load, loadReference, type Session } from "../host/session.ts";
import { ENGINES } from "./engines.ts";
import { accepts, VARIANTS } from "./variants.ts";

/** The module with all ops, in plain instructions. */
export const MODULE = VARIANTS.scalar!;

for (const [name, { engine }] of Object.entries(ENGINES)) {
  if (typeof engine === "string") console.warn(`SKIPPED sessions in ${name}: ${engine}`);
}

/** The blob in the reference and in every engine that is here, all variants, both weight ways. The caller disposes of them. */
export async function openSessions(blob: Uint8Array): Promise<Record<string, Session>> {
  const sessions: Record<string, Session> = { reference: loadReference(blob) };
  for (const [name, { engine }] of Object.entries(ENGINES)) {
    if (typeof engine === "string") {
      if (process.env.TERN_REQUIRE_ALL === "1") throw new Error(engine);
      continue;
    }
    for (const [variant, module] of Object.entries(VARIANTS)) {
      if (!accepts(engine, module)) continue;
      for (const weights of ["resident", "streaming"] as const) {
        sessions[`${name}, ${variant}, ${weights}`] = await load({ module, blob, engine, weights });
      }
    }
  }
  return sessions;
}

export function disposeAll(sessions: Record<string, Session>): void {
  for (const session of Object.values(sessions)) session.dispose();
}
