import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  BUILD_NAMES,
  hasFloats,
  packingsOf as packingsOfVariant,
  partsOf,
  type VariantName,
} from "../host/base/builds.mjs";
import type { Engine } from "../host/engines/engine.ts";
import type { PackingName } from "../host/program.ts";
import { describeEngines, ENGINES } from "./engines.ts";
import { ALL_SEEDS } from "./seeds.ts";

const PROJECT = join(import.meta.dirname, "..");

/** Every variant of the module (assembly/kernels/README.md), by its name: suites loop over it. */
export const VARIANTS = Object.fromEntries(
  BUILD_NAMES.filter((name) => partsOf(name).profile === undefined).map((name) => [name, moduleNamed(name)]),
) as Record<VariantName, Uint8Array> & Record<string, Uint8Array>;

/** The bytes of a build. */
export function moduleNamed(target: string): Uint8Array {
  const path = join(PROJECT, "build", `${target}.wasm`);
  if (!existsSync(path)) throw new Error(`no ${path}: \`npm run build:wasm\` makes it`);
  return new Uint8Array(readFileSync(path)); // a copy, since small files share an ArrayBuffer
}

/** Packings that a variant runs. */
export function packingsOf(module: Uint8Array): PackingName[] {
  return packingsOfVariant(Object.keys(VARIANTS).find((name) => VARIANTS[name] === module) as VariantName);
}

/** Whether a variant has the ops of float regions: devices do without. */
export function runsFloats(module: Uint8Array): boolean {
  return hasFloats(Object.keys(VARIANTS).find((name) => VARIANTS[name] === module) as VariantName);
}

/** Whether an engine is to run a variant: Winch has no relaxed SIMD, nor has V8 of Node 20. */
export function accepts(engine: Engine, module: Uint8Array): boolean {
  if (engine.name === "wasmtime:winch") return module !== VARIANTS.relaxed;
  return engine.name !== "v8" || WebAssembly.validate(module as Uint8Array<ArrayBuffer>);
}

/**
 * `suite` once per engine and variant that it accepts. The variant of devices, which no host chooses, is in V8 alone in the share: its bytes in wasmtime
 * are among the golden digests. A variant that is not meant has no suite.
 */
export function describeModules(
  title: string,
  suite: (engine: Engine, module: Uint8Array) => void,
  isMeant: (module: Uint8Array) => boolean = () => true,
): void {
  for (const [variant, module] of Object.entries(VARIANTS)) {
    if (!isMeant(module)) continue;
    const engines = ALL_SEEDS || variant !== "core" ? ENGINES : { v8: ENGINES.v8! };
    const each = (engine: Engine) => {
      if (accepts(engine, module)) suite(engine, module);
      else it(`${engine.name} refuses ${variant}`, () => expect(accepts(engine, module)).toBe(false));
    };
    describeEngines(`${title}, ${variant}`, each, engines);
  }
}
