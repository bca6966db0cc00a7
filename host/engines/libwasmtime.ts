import type { LibraryHandle, TypeObject } from "koffi";
import { EngineError } from "../base/errors.ts";
import { npmRun } from "../base/package_root.ts";

/**
 * What we use of libwasmtime's C API: name → result and arguments. `void *` stands for a pointer to an opaque type, to
 * one of the structs below, or to a place for a result; typed arrays are passed by address.
 * Returned `wasmtime_error_t *` are null where all went well, and the caller's to delete.
 */
const FUNCTIONS = {
  wasm_config_new: "void *()",
  wasmtime_config_strategy_set: "void (void *config, uint8_t strategy)",
  wasmtime_config_target_set: "void *(void *config, const char *target)",
  wasmtime_config_consume_fuel_set: "void (void *config, bool)",
  wasmtime_config_cranelift_nan_canonicalization_set: "void (void *config, bool)",
  wasmtime_config_memory_may_move_set: "void (void *config, bool)",
  wasm_engine_new: "void *()",
  wasm_engine_new_with_config: "void *(void *config)", // takes the config
  wasm_engine_delete: "void (void *engine)",

  wasmtime_module_new: "void *(void *engine, const void *wasm, size_t bytes, void *module_out)",
  wasmtime_module_serialize: "void *(void *module, void *bytes_out)",
  wasmtime_module_delete: "void (void *module)",

  wasm_valtype_new: "void *(uint8_t kind)",
  wasm_valtype_vec_new: "void (void *vec_out, size_t count, const void *valtypes)", // takes the valtypes
  wasm_functype_new: "void *(void *params_vec, void *results_vec)", // takes both
  wasm_functype_params: "void *(const void *functype)",
  wasm_functype_results: "void *(const void *functype)",
  wasm_functype_delete: "void (void *functype)",
  wasmtime_linker_new: "void *(void *engine)",
  wasmtime_linker_define_func:
    "void *(void *linker, const char *module, size_t module_length, const char *name, size_t name_length, " +
    "const void *functype, void *callback, void *data, void *finalizer)",
  wasmtime_linker_instantiate_pre: "void *(const void *linker, const void *module, void *pre_out)",
  wasmtime_linker_delete: "void (void *linker)",
  wasmtime_instance_pre_instantiate: "void *(const void *pre, void *context, void *instance_out, void *trap_out)",
  wasmtime_instance_pre_delete: "void (void *pre)",

  wasmtime_store_new: "void *(void *engine, void *data, void *finalizer)",
  wasmtime_store_context: "void *(void *store)",
  wasmtime_store_limiter: // -1: no limit of ours
    "void (void *store, int64_t memory_bytes, int64_t table_elements, int64_t instances, int64_t tables, " +
    "int64_t memories)",
  wasmtime_store_delete: "void (void *store)",
  wasmtime_context_set_fuel: "void *(void *context, uint64_t fuel)",
  wasmtime_context_get_fuel: "void *(const void *context, void *fuel_out)",

  wasmtime_instance_export_get:
    "bool (void *context, const void *instance, const char *name, size_t name_length, void *extern_out)",
  wasmtime_func_type: "void *(const void *context, const void *func)",
  wasmtime_func_call:
    "void *(void *context, const void *func, const void *args, size_t args_count, void *results, " +
    "size_t results_count, void *trap_out)",
  wasmtime_memory_data: "void *(const void *context, const void *memory)",
  wasmtime_memory_data_size: "size_t (const void *context, const void *memory)",
  wasmtime_memory_grow: "void *(void *context, const void *memory, uint64_t pages, void *pages_before_out)",

  wasmtime_error_message: "void (const void *error, void *bytes_out)",
  wasmtime_error_delete: "void (void *error)",
  wasmtime_trap_new: "void *(const char *message, size_t length)",
  wasmtime_trap_code: "bool (const void *trap, void *code_out)",
  wasm_trap_message: "void (const void *trap, void *bytes_out)",
  wasm_trap_delete: "void (void *trap)",
  wasm_byte_vec_delete: "void (void *bytes)",
};

/** Called with values as koffi converts them: pointers are bigint or null, typed arrays are passed by address. */
// biome-ignore lint/suspicious/noExplicitAny: types are checked by koffi, against the declarations above
type CFunction = (...args: any[]) => any;
type Koffi = typeof import("koffi");

interface Bound {
  koffi: Koffi;
  c: Record<keyof typeof FUNCTIONS, CFunction>;
  /** wasmtime_func_callback_t */
  callback: TypeObject;
}

/** The library, loaded and known. */
export interface Libwasmtime extends Bound {
  /** The major version: the library tells no more. */
  version: string;
}

/**
 * Major versions in which the structs have the sizes below, measured on 64-bit platforms. (With a wrong size the
 * library aborts the process.) The security fixes published until July 2026 are in all of them.
 */
const MEASURED = ["49", "50"];

/** Room for the library to write into. Words are 64-bit, as pointers are. */
export const struct = {
  pointer: (): BigUint64Array => new BigUint64Array(1),
  /** wasm_byte_vec_t, wasm_valtype_vec_t: count, pointer. */
  vec: (): BigUint64Array => new BigUint64Array(2),
  /** wasmtime_instance_t */
  instance: (): BigUint64Array => new BigUint64Array(2),
  /** wasmtime_extern_t: the kind in the first byte; wasmtime_func_t in words 1 and 2 or wasmtime_memory_t in 1 to 3. */
  extern: (): BigUint64Array => new BigUint64Array(4),
  /** wasmtime_val_t[], 32 bytes each: the kind in the first byte, an i32 in bytes 8 to 11. */
  vals: (count: number): Int32Array => new Int32Array(8 * count),
};

export const CRANELIFT = 1; // of wasmtime_strategy_t
export const WINCH = 2;
export const EXTERN_FUNC = 0; // of wasmtime_extern_kind_t
export const EXTERN_MEMORY = 3;
export const I32 = 0; // of wasm_valkind_t and wasmtime_valkind_t
const OUT_OF_FUEL = 11; // of wasmtime_trap_code_t

/** koffi, the foreign function interface; it is an optional dependency. */
export async function loadKoffi(): Promise<Koffi> {
  const koffi = await import("koffi").catch((error: Error) => {
    throw new EngineError("missing", `wasmtime needs the npm package koffi (npm install koffi): ${error.message}`);
  });
  if (koffi.sizeof("void *") !== 8) throw new EngineError("missing", "wasmtime needs a 64-bit platform");
  return koffi;
}

/**
 * Loads the library at an absolute path; refuses one whose structs we do not know.
 * Throws EngineError: "missing" where it cannot be loaded, "version" where it is another one.
 */
export function loadLibwasmtime(koffi: Koffi, path: string): Libwasmtime {
  const bound = bind(koffi, path);
  const version = versionOf(bound);
  if (MEASURED.includes(version)) return { ...bound, version };
  const expected = `expected ${MEASURED.join(" or ")} (${npmRun("wasmtime:install")} fetches one)`;
  throw new EngineError("version", `${path}: wasmtime ${version}, ${expected}`);
}

function bind(koffi: Koffi, path: string): Bound {
  let library: LibraryHandle;
  try {
    library = koffi.load(path);
  } catch (error) {
    throw new EngineError("missing", `${path} cannot be loaded: ${(error as Error).message}`);
  }
  const c = {} as Bound["c"];
  for (const [name, type] of Object.entries(FUNCTIONS)) {
    try {
      c[name as keyof typeof FUNCTIONS] = library.func(type.replace("(", `${name}(`));
    } catch (error) {
      throw new EngineError("version", `${path} is not the libwasmtime that we know: ${(error as Error).message}`);
    }
  }
  // (data, caller, args, args_count, results, results_count) → trap
  const parameters = ["void *", "void *", "void *", "size_t", "void *", "size_t"];
  return { koffi, c, callback: koffi.pointer(koffi.proto("void *", parameters)) };
}

/**
 * The library has no function that tells its version, but it writes it into compiled modules, for itself to compare:
 * an ELF header of 64 bytes, then the section ".wasmtime.engine": a byte 0, the version's length, the version.
 * The calls that lead there pass no struct but wasm_byte_vec_t, so they are safe in any version.
 */
function versionOf(lib: Bound): string {
  const { c } = lib;
  const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const module = struct.pointer();
  const engine = c.wasm_engine_new();
  const error = c.wasmtime_module_new(engine, emptyModule, emptyModule.length, module);
  if (error !== null) throw new EngineError("version", `the library refuses an empty module: ${takeError(lib, error)}`);
  const image = serialize(lib, module[0]!);
  c.wasmtime_module_delete(module[0]);
  c.wasm_engine_delete(engine);
  const version = image.toString("latin1", 66, 66 + image[65]!);
  return /^[\d.]+$/.test(version) ? version : "of unknown version";
}

/** A compiled module as an ELF file. */
export function serialize(lib: Bound, module: bigint): Buffer {
  return takeBytes(lib, (vec) => lib.c.wasmtime_module_serialize(module, vec));
}

/** Message of a wasmtime_error_t, which is freed. */
export function takeError(lib: Bound, error: bigint): string {
  const message = takeBytes(lib, (vec) => lib.c.wasmtime_error_message(error, vec));
  lib.c.wasmtime_error_delete(error);
  return causes(message.toString());
}

/** Message of a wasm_trap_t, which is freed, and whether it was for want of fuel. */
export function takeTrap(lib: Bound, trap: bigint): { kind: "trap" | "fuel"; message: string } {
  const message = takeBytes(lib, (vec) => lib.c.wasm_trap_message(trap, vec));
  const code = new Uint8Array(1); // wasmtime_trap_code_t
  const coded = lib.c.wasmtime_trap_code(trap, code);
  lib.c.wasm_trap_delete(trap);
  return { kind: coded && code[0] === OUT_OF_FUEL ? "fuel" : "trap", message: causes(message.toString()) };
}

/** A copy of the bytes that `fill` puts into a wasm_byte_vec_t, which is freed. */
function takeBytes({ koffi, c }: Bound, fill: (vec: BigUint64Array) => void): Buffer {
  const vec = struct.vec();
  fill(vec);
  const bytes = Buffer.from(new Uint8Array(koffi.view(vec[1], Number(vec[0]))));
  c.wasm_byte_vec_delete(vec);
  return bytes;
}

/**
 * One line of a message such as
 *     error while executing at wasm backtrace:
 *         0: 0x9e - <unknown>!<wasm function 4>
 *     Caused by:
 *         0: memory fault at wasm address 0x10000 in linear memory of size 0x10000
 *         1: wasm trap: out of bounds memory access
 */
function causes(message: string): string {
  const [what, why] = message.split("Caused by:");
  const lines = (why ?? what!).split("\n").map((line) => line.replace(/^\s*(\d+: )?(wasm trap: )?|\0$/g, ""));
  return lines.filter((line) => line).join(", ");
}
