import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../host/engines/engine.ts";
import { describeEngines } from "./engines.ts";

/** Every variant of the module (assembly/kernels/README.md), by its name: suites loop over it. */
export const VARIANTS: Record<string, Uint8Array> = { scalar: moduleNamed("scalar") };

/** The bytes of a target of asconfig.json. */
export function moduleNamed(target: string): Uint8Array {
  const path = join(import.meta.dirname, "..", "build", `${target}.wasm`);
  if (!existsSync(path)) throw new Error(`no ${path}: \`npm run build:wasm\` makes it`);
  return readFileSync(path);
}

/** `suite` once per engine and variant. */
export function describeModules(title: string, suite: (engine: Engine, module: Uint8Array) => void): void {
  for (const [variant, module] of Object.entries(VARIANTS)) {
    describeEngines(`${title}, ${variant}`, (engine) => suite(engine, module));
  }
}
