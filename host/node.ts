/** What needs Node: the compiled module as a file, and wasmtime. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasPacking } from "./blob/features.ts";
import { HEADER, HEADER_BYTES } from "./blob/layout.ts";
import type { Engine } from "./engines/engine.ts";
import { packageRoot } from "./engines/package_root.ts";
import { EngineError } from "./errors.ts";
import { chooseVariant, VARIANTS, type Variant } from "./variant.ts";

/** The fastest variant that an engine computes right. */
export async function bestModule(engine: Engine): Promise<{ variant: Variant; module: Uint8Array }> {
  const modules = await Promise.all(VARIANTS.map(async (variant) => [variant, await readModule(variant)]));
  return chooseVariant(engine, Object.fromEntries(modules));
}

export { createWasmtime, type WasmtimeEngine } from "./engines/wasmtime.ts";

/** The module without vectors that was built for a blob's packings, if one was: it tells how much memory they need. */
export function plainModule(blob: Uint8Array): Promise<Uint8Array> {
  const needed =
    blob.length < HEADER_BYTES ? 0 : new DataView(blob.buffer, blob.byteOffset).getUint32(HEADER.dataFeatures, true);
  return readModule(hasPacking(needed, "trit4") ? "device" : "scalar");
}

/** A variant of the module, `build/scalar.wasm` if not said, out of this package. Throws EngineError where it was not built. */
export async function readModule(variant: Variant | "device" = "scalar"): Promise<Uint8Array> {
  const path = join(packageRoot(), "build", `${variant}.wasm`);
  try {
    return new Uint8Array(await readFile(path));
  } catch {
    throw new EngineError("missing", `${path} is missing; in a checkout, "npm run build" makes it`);
  }
}
