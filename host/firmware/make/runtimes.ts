import { deviceBuilds, type VariantName } from "../../base/builds.mjs";
import { EngineError } from "../../base/errors.ts";
import { CORES, type CoreName } from "../cores.ts";
import { moduleSource, sizesFor } from "./interpreter.ts";
import { INTERPRETERS, type Interpreter } from "./interpreters.ts";
import { translate } from "./wasm2c.ts";

/** A WebAssembly runtime in the firmware: how tern.wasm gets in, and what it costs. */
export interface Runtime {
  name: string;
  /** Sources of ours, below host/firmware/. */
  sources: string[];
  /** What runs the module, where that is not C made of it. */
  interpreter?: Interpreter;
  /** Cores that it runs on. */
  cores: CoreName[];
  /** The variant that it runs. */
  variant: VariantName;
  /** Builds of it that it runs, the smallest first: the first that has all that a blob needs is taken. */
  modules: string[];
  /** Of these, modules that have no room for binary weights × codes. */
  bitsAlone: string[];
  /** Files made from the module, by name: its C, or its bytes. */
  generate(module: Uint8Array): Promise<Record<string, string>>;
  /** runtime_extra_bytes of runtime.h: what it takes of the memory that a model is given. */
  extraBytes: number;
  /** Stack that the firmware needs, in bytes: what `info` told after the models of the tests, and a quarter more. */
  stackBytes(module: Uint8Array): number;
}

export const RUNTIMES: Record<string, Runtime> = {
  wasm2c: {
    name: "wasm2c",
    sources: ["runtimes/wasm2c/wasm2c.c"],
    cores: Object.keys(CORES) as CoreName[],
    variant: "core",
    modules: deviceBuilds("core"),
    bitsAlone: [],
    generate: translate,
    extraBytes: 64, // behind linear memory: wasm-rt.h
    stackBytes: () => 1536,
  },
  wasm3: interpreted("wasm3", 16), // its header, three words, right before linear memory
  wamr: interpreted("wamr", 0),
};

function interpreted(name: string, extraBytes: number): Runtime {
  return interpretedWith(name, INTERPRETERS[name]!, extraBytes);
}

function interpretedWith(name: string, interpreter: Interpreter, extraBytes: number): Runtime {
  const modules = Object.keys(interpreter.modules);
  return {
    name,
    sources: [],
    interpreter,
    cores: Object.keys(interpreter.cores) as CoreName[],
    variant: "scalar",
    modules,
    bitsAlone: modules.filter((module) => interpreter.modules[module]!.bitsAlone),
    generate: async (module) => ({ "module.S": moduleSource(module) }),
    extraBytes,
    stackBytes: (module) => sizesFor(interpreter, module).nativeBytes,
  };
}

/** A runtime with the memory that one of its modules takes, for a module that has less than that one. */
export function withMemoryFor({ interpreter, ...runtime }: Runtime, module: string): Runtime {
  if (!interpreter) return runtime;
  const modules = { [module]: interpreter.modules[module]! };
  return interpretedWith(runtime.name, { ...interpreter, modules }, runtime.extraBytes);
}

/** A runtime by its name. */
export function runtimeNamed(name: string): Runtime {
  const runtime = Object.hasOwn(RUNTIMES, name) ? RUNTIMES[name] : undefined;
  if (runtime) return runtime;
  throw new EngineError("missing", `no runtime "${name}", expected one of ${Object.keys(RUNTIMES).join(", ")}`);
}
