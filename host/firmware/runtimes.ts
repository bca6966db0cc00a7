import { EngineError } from "../errors.ts";
import { translate } from "./wasm2c.ts";

/** A WebAssembly runtime in the firmware: how tern.wasm gets in, and what it costs. */
export interface Runtime {
  name: string;
  /** Sources of ours, below host/firmware/. */
  sources: string[];
  /** Files made from the module, by name: its C. */
  generate(module: Uint8Array): Promise<Record<string, string>>;
  /** Stack that the firmware needs, in bytes: what `info` told after the models of the tests, and a quarter more. */
  stackBytes: number;
}

export const RUNTIMES: Record<string, Runtime> = {
  wasm2c: {
    name: "wasm2c",
    sources: ["runtimes/wasm2c/wasm2c.c"],
    generate: translate,
    stackBytes: 1536,
  },
};

/** A runtime by its name. */
export function runtimeNamed(name: string): Runtime {
  const runtime = Object.hasOwn(RUNTIMES, name) ? RUNTIMES[name] : undefined;
  if (runtime) return runtime;
  throw new EngineError("missing", `no runtime "${name}", expected one of ${Object.keys(RUNTIMES).join(", ")}`);
}
