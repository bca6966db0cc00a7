import { createHash } from "node:crypto";
import { checkBytes, checkInstantiate, checkObject, checkOneOf, checkOptional, checkWhole } from "../base/arguments.ts";
import { EngineError, type EngineFailure } from "../base/errors.ts";
import { npmRun } from "../base/package_root.ts";
import type { Engine, Instance, InstantiateOptions } from "./engine.ts";
import { noFunction, noMemory, noMemoryToHave, notRunning, wrongArguments } from "./failures.ts";
import { checkLibrary, type Found, findLibwasmtime, namedLibrary } from "./find_libwasmtime.ts";
import {
  CRANELIFT,
  EXTERN_FUNC,
  EXTERN_MEMORY,
  I32,
  type Libwasmtime,
  loadKoffi,
  loadLibwasmtime,
  serialize,
  struct,
  takeError,
  takeTrap,
  WINCH,
} from "./libwasmtime.ts";
import { PAGE_BYTES, pagesFor } from "./pages.ts";

/**
 * What wasmtime makes of a module: machine code by Cranelift, the optimizing compiler; machine code by Winch, which compiles faster and has no
 * relaxed SIMD; byte code by Cranelift, for Pulley, the interpreter that runs where neither knows the processor.
 */
export type WasmtimeCompiler = "cranelift" | "winch" | "pulley";

export interface WasmtimeOptions {
  /** The library's file, or a folder with it; the first that is found and works if not given. */
  library?: string;
  /** "cranelift" if not given. */
  compiler?: WasmtimeCompiler;
}

/** wasmtime through its C library: canonical NaNs, memory limited to what was planned, fuel on request. */
export interface WasmtimeEngine extends Engine {
  readonly library: Found;
  instantiate(wasm: Uint8Array, options: InstantiateOptions): Promise<WasmtimeInstance>;
  /** What it makes of a module: an ELF file with the machine code in .text. */
  compile(wasm: Uint8Array): Uint8Array;
}

export interface WasmtimeInstance extends Instance {
  /** What the last call left of its fuel: one for every instruction, but none for block, loop, end, else, return, drop and nop. */
  fuelLeft(): number;
}

/**
 * Opens wasmtime. The same library and compiler give the same engine, which lives as long as the process.
 * Throws EngineError: "missing" where there is none, "version" for one whose structs we do not know.
 */
export async function createWasmtime(options: WasmtimeOptions = {}): Promise<WasmtimeEngine> {
  checkObject("options", options as unknown);
  const { library, compiler = "cranelift" } = options;
  checkOptional("library", library, "string");
  checkOneOf("compiler", compiler, ["cranelift", "winch", "pulley"]);
  if (library !== undefined) return open({ path: namedLibrary(library), by: "the option library" }, compiler);
  let refusal: unknown;
  for await (const found of findLibwasmtime()) {
    try {
      return await open(found, compiler);
    } catch (error) {
      refusal ??= error;
    }
  }
  const advice = `\`${npmRun("wasmtime:install")}\` or \`pip install wasmtime\` gets it, or TERN_WASMTIME names it`;
  throw refusal ?? new EngineError("missing", `no libwasmtime found: ${advice}`);
}

const engines = new Map<string, WasmtimeEngine>();

async function open(library: Found, compiler: WasmtimeCompiler): Promise<WasmtimeEngine> {
  const koffi = await loadKoffi();
  const key = `${compiler} ${library.path}`;
  const known = engines.get(key);
  if (known) return known;
  await checkLibrary(library);
  const engine = engines.get(key) ?? engineOf(loadLibwasmtime(koffi, library.path), library, compiler);
  engines.set(key, engine);
  return engine;
}

function engineOf(lib: Libwasmtime, library: Found, compiler: WasmtimeCompiler): WasmtimeEngine {
  // Counting fuel is compiled into a module, and about doubles its time: two configurations.
  const compilers = { plain: openCompiler(lib, compiler, false), metered: openCompiler(lib, compiler, true) };
  return {
    name: compiler === "cranelift" ? "wasmtime" : `wasmtime:${compiler}`,
    version: lib.version,
    library,
    async instantiate(wasm, options) {
      checkInstantiate(wasm, options);
      const { engine, compile } = options.fuel === undefined ? compilers.plain : compilers.metered;
      return start(lib, engine, compile(wasm), options);
    },
    compile(wasm) {
      checkBytes("module", wasm);
      return serialize(lib, compilers.plain.compile(wasm));
    },
  };
}

/** Modules that a compiler keeps: more than we have variants, few enough for a test that makes thousands. */
const MODULES_KEPT = 16;

/** A wasm_engine_t, and a function that gives the wasmtime_module_t of a module's bytes, compiled once. */
function openCompiler(lib: Libwasmtime, compiler: WasmtimeCompiler, countsFuel: boolean) {
  const { c } = lib;
  const config = c.wasm_config_new();
  c.wasmtime_config_strategy_set(config, compiler === "winch" ? WINCH : CRANELIFT);
  const refusal = compiler === "pulley" ? c.wasmtime_config_target_set(config, "pulley64") : null;
  if (refusal !== null) throw new EngineError("version", `wasmtime has no Pulley: ${takeError(lib, refusal)}`);
  c.wasmtime_config_cranelift_nan_canonicalization_set(config, true);
  c.wasmtime_config_consume_fuel_set(config, countsFuel);
  c.wasmtime_config_memory_may_move_set(config, false); // so that views stay valid when the memory grows
  const engine: bigint = c.wasm_engine_new_with_config(config);
  const modules = new Map<string, bigint>(); // by hash, oldest first

  function compile(wasm: Uint8Array): bigint {
    const hash = createHash("sha256").update(wasm).digest("hex");
    const known = modules.get(hash);
    if (known !== undefined) return known;

    const module = struct.pointer();
    const error = c.wasmtime_module_new(engine, wasm, wasm.length, module);
    if (error !== null) throw new EngineError("compile", takeError(lib, error));
    modules.set(hash, module[0]!);
    for (const [oldHash, oldModule] of modules) {
      if (modules.size <= MODULES_KEPT) break;
      c.wasmtime_module_delete(oldModule); // instances hold their own reference
      modules.delete(oldHash);
    }
    return module[0]!;
  }
  return { engine, compile };
}

/** An exported function, and room for what it takes and returns. */
interface Export {
  func: BigUint64Array; // wasmtime_func_t
  params: number;
  args: Int32Array; // wasmtime_val_t[]
  results: Int32Array; // wasmtime_val_t[]
}

function start(lib: Libwasmtime, engine: bigint, module: bigint, options: InstantiateOptions): WasmtimeInstance {
  const { koffi, c } = lib;
  const { memoryBytes, imports, fuel } = options;
  let state: "starting" | "running" | "disposed" = "starting";
  const thrown: unknown[] = []; // by the import, in the run under way
  const exported = new Map<string, Export>();
  let bytes = new Uint8Array(0);

  const callback = koffi.register(weightsRead, lib.callback);
  const linker = linkerWith(lib, engine, callback);
  const store: bigint = c.wasmtime_store_new(engine, null, null);
  const context: bigint = c.wasmtime_store_context(store);
  const instance = struct.instance();
  const trap = struct.pointer();
  let memory: BigUint64Array; // wasmtime_memory_t
  try {
    c.wasmtime_store_limiter(store, pagesFor(memoryBytes) * PAGE_BYTES, -1, 1, 1, 1);
    link();
    memory = memoryOfPlannedSize();
    state = "running";
  } catch (error) {
    dispose();
    throw error;
  }
  return { memory: view, call, fuelLeft, dispose };

  function view(): Uint8Array {
    if (state !== "running") throw notRunning(state);
    const size = Number(c.wasmtime_memory_data_size(context, memory));
    if (size !== bytes.length) bytes = new Uint8Array(koffi.view(c.wasmtime_memory_data(context, memory), size));
    return bytes;
  }

  function call(name: string, ...args: number[]): number {
    if (state !== "running") throw notRunning(state);
    const target = exported.get(name) ?? lookUp(name);
    if (args.length !== target.params) throw wrongArguments(name, target.params, args.length);
    for (const arg of args) checkWhole(`argument of "${name}"`, arg, -(2 ** 31), 2 ** 32 - 1);
    for (let i = 0; i < args.length; i++) target.args[8 * i + 2] = args[i]!;
    thrown.length = 0;
    refuel();
    const results = target.results.length / 8;
    const error = c.wasmtime_func_call(context, target.func, target.args, args.length, target.results, results, trap);
    check(error, `"${name}"`, "compile"); // an error is a mismatch of types
    return target.results[2] ?? 0;
  }

  function fuelLeft(): number {
    if (state !== "running") throw notRunning(state);
    const left = struct.pointer();
    const error = c.wasmtime_context_get_fuel(context, left);
    if (error !== null) throw new EngineError("fuel", takeError(lib, error)); // an instance without fuel
    return Number(left[0]);
  }

  function dispose(): void {
    if (state === "disposed") return;
    state = "disposed";
    c.wasmtime_store_delete(store);
    c.wasmtime_linker_delete(linker);
    koffi.unregister(callback);
  }

  function weightsRead(_data: null, _caller: bigint, args: bigint, _count: number, results: bigint): bigint | null {
    const argument = (index: bigint) => koffi.decode.uint32(args + 32n * index + 8n);
    try {
      const status = imports.weights_read(view(), argument(0n), argument(1n), argument(2n));
      koffi.encode(results, "uint8", I32);
      koffi.encode(results + 8n, "int32", status | 0);
      return null;
    } catch (error) {
      thrown.push(error); // must not cross C: a trap ends the call, and `check` throws it after that
      return c.wasmtime_trap_new("", 0);
    }
  }

  function link(): void {
    const pre = struct.pointer();
    const linkError = c.wasmtime_linker_instantiate_pre(linker, module, pre);
    if (linkError !== null) throw new EngineError("compile", takeError(lib, linkError));
    refuel();
    const error = c.wasmtime_instance_pre_instantiate(pre[0], context, instance, trap);
    c.wasmtime_instance_pre_delete(pre[0]);
    check(error, "instantiation", "memory"); // it is linked: an error is a lack of memory
  }

  function memoryOfPlannedSize(): BigUint64Array {
    const found = find("memory", EXTERN_MEMORY);
    if (!found) throw noMemory();
    const pages = Number(c.wasmtime_memory_data_size(context, found)) / PAGE_BYTES;
    const error = c.wasmtime_memory_grow(context, found, pagesFor(memoryBytes) - pages, struct.pointer());
    if (error !== null) throw noMemoryToHave(memoryBytes, takeError(lib, error));
    return found;
  }

  /** Throws what a run of the module ended with, unless it ended well. */
  function check(error: bigint | null, what: string, kindOfError: EngineFailure): void {
    const trapped = trap[0]!;
    trap[0] = 0n;
    if (error === null && trapped === 0n) return;
    const found = error === null ? takeTrap(lib, trapped) : { kind: kindOfError, message: takeError(lib, error) };
    if (thrown.length > 0) throw thrown.at(-1);
    throw new EngineError(found.kind, `${what}: ${found.message}`);
  }

  function refuel(): void {
    if (fuel !== undefined) c.wasmtime_context_set_fuel(context, fuel);
  }

  function lookUp(name: string): Export {
    const func = find(name, EXTERN_FUNC);
    if (!func) throw noFunction(name);
    const type = c.wasmtime_func_type(context, func);
    const params = Number(koffi.decode.uint64(c.wasm_functype_params(type)));
    const results = Number(koffi.decode.uint64(c.wasm_functype_results(type)));
    c.wasm_functype_delete(type);
    const target = { func, params, args: struct.vals(params), results: struct.vals(results) };
    exported.set(name, target);
    return target;
  }

  /** The export of that name and kind: wasmtime_func_t, wasmtime_memory_t. */
  function find(name: string, kind: number): BigUint64Array | undefined {
    const item = struct.extern();
    const found = c.wasmtime_instance_export_get(context, instance, name, Buffer.byteLength(name), item);
    return found && Number(item[0]! & 0xffn) === kind ? item.subarray(1) : undefined;
  }
}

/** A wasmtime_linker_t that gives modules `callback` as "board"."weights_read". */
function linkerWith(lib: Libwasmtime, engine: bigint, callback: bigint): bigint {
  const { c } = lib;
  const type = c.wasm_functype_new(i32s(3), i32s(1));
  const linker = c.wasmtime_linker_new(engine);
  const [module, name] = ["board", "weights_read"];
  c.wasmtime_linker_define_func(linker, module, module.length, name, name.length, type, callback, null, null);
  c.wasm_functype_delete(type);
  return linker;

  function i32s(count: number): BigUint64Array {
    const types = BigUint64Array.from({ length: count }, () => c.wasm_valtype_new(I32));
    const vec = struct.vec();
    c.wasm_valtype_vec_new(vec, count, types);
    return vec;
  }
}
