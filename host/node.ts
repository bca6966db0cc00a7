/** What needs Node: the compiled module as a file, and wasmtime. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "./engines/package_root.ts";
import { EngineError } from "./errors.ts";

export { createWasmtime, type WasmtimeEngine } from "./engines/wasmtime.ts";

/** The compiled module `build/scalar.wasm` of this package. Throws EngineError where it was not built. */
export async function readModule(): Promise<Uint8Array> {
  const path = join(packageRoot(), "build", "scalar.wasm");
  try {
    return new Uint8Array(await readFile(path));
  } catch {
    throw new EngineError("missing", `${path} is missing; in a checkout, "npm run build" makes it`);
  }
}
