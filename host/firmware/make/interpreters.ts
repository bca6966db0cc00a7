import type { CoreName } from "../cores.ts";

/**
 * How the interpreters become part of firmware: what is compiled, and how large their static memory is. Sources are C files of a crate that
 * `npm run runtimes:install` puts into .cache/runtimes/, and files of ours in the folder of the interpreter's name.
 */
export interface Interpreter {
  /** Folder in .cache/runtimes/; paths of `sources` and `includes` are below it. */
  crate: string;
  sources: string[];
  /** Text of a source or header that gives way to ours (`to`, as of String.replace); it has to be there so many times. */
  edits?: { file: string; from: RegExp; to: string; times: number }[];
  /** Files that sources include, but headers in `includes` and beside sources. */
  parts: string[];
  /** Ours, beside runtime.h: the first is the runtime, which takes its sizes as macros. */
  own: string[];
  /** Folders of headers, as -isystem: they are not warning-free. Ours (`headers`, beside runtime.h) come first, as -I. */
  includes: string[];
  headers: string[];
  /** NAME=value */
  defines: string[];
  flags: string[];
  /** For the linker. */
  link: string[];
  /** Cores that it runs on: what they define, and the files that are compiled with -O2; all others are with -Os. */
  cores: Partial<Record<CoreName, { defines?: string[]; fast?: string[] }>>;
  /** By the module in build/ that it runs. */
  modules: Record<string, Sizes>;
}

/** As measured with 32-bit addresses by tests/firmware/runtimes/interpreters.test.ts, which fails where much is left over or anything lacks. */
export interface Sizes {
  /** RUNTIME_POOL_BYTES: all that the interpreter allocates, but not linear memory, which the caller gives. */
  poolBytes: number;
  /** RUNTIME_STACK_BYTES, in the pool: arguments, locals and constants of the functions that run at the same time. */
  stackBytes: number;
  /** Stack of the firmware's C: what `info` of a device told, and a quarter more. */
  nativeBytes: number;
  /** Where the pool has no room for the code of binary weights × codes beside that of binary weights × bits. */
  bitsAlone?: true;
}

/** Newlib for small systems, without any of an operating system. */
const LIBC = ["--specs=nano.specs", "--specs=nosys.specs", "-lm"];
const SECTIONS = ["-ffunction-sections", "-fdata-sections"]; // so that the linker leaves out what is not called

export const wasm3: Interpreter = {
  crate: "wasm3x-sys-0.2.1",
  sources: ["bind", "code", "core", "function", "info", "module", "parse", "validate"].map(
    (name) => `wasm3/source/m3_${name}.c`,
  ),
  parts: ["wasm3/source/m3_compile.c", "wasm3/source/m3_env.c"],
  edits: [
    // the check of a load or a store, in 64 bits, by the one of operations.c
    { file: "wasm3/source/m3_exec.h", from: /u64 operand = /g, to: "u32 operand = ", times: 6 },
    {
      file: "wasm3/source/m3_exec.h",
      from: /operand \+ sizeof \((\w+)\) <= _mem->length +/g,
      to: "is_inside (operand, offset, sizeof ($1), _mem)",
      times: 6,
    },
  ],
  own: ["wasm3/wasm3.c", "wasm3/operations.c"], // the latter includes the parts
  includes: ["wasm3/source"],
  headers: [],
  defines: [
    "NDEBUG=1",
    ...["calloc", "realloc", "free", "abort"].map((name) => `${name}=wasm3_${name}`), // wasm3.c has them
    ...["Float", "RefTypes", "ExtendedConst", "CompactImports"].map((name) => `d_m3Has${name}=0`), // float alone takes 23 KB
    "d_m3VerboseErrorMessages=0",
    "d_m3CascadedOpcodes=0", // 3 KB of tables
    "d_m3CodePageAlignSize=256", // pages for the else of an if; all other code is in one page (wasm3.c)
    "d_m3MaxFunctionStackHeight=64", // arguments, locals and operands of a function; with the next two, RAM for translating one
    "d_m3MaxConstantTableSize=32", // 4-byte words of a function's constants; more of them become code
    "d_m3ValCtrlDepth=20", // nested blocks of a function; the scalar module's `layer` has 17
    "d_m3MaxDuplicateFunctionImpl=1", // names of a function
    "d_m3MaxNativeStack=1024", // bytes of C stack that the module's calls may take; what is deeper is TRAP_STACK
  ],
  // Operations end in a jump to the next. GCC would make a number of whether an addition wraps, since it knows that to be 0 where it goes on and has use for a 0.
  flags: ["-std=gnu99", "-fomit-frame-pointer", "-foptimize-sibling-calls", "-fno-cse-follow-jumps", ...SECTIONS],
  link: LIBC,
  cores: {
    // 9 to 10 % fewer instructions for 6.4 KB of flash; on Cortex-M0 it would be 9 % for 7.9 KB
    "cortex-m0": {},
    "cortex-m3": { fast: ["wasm3/operations.c"] },
    "cortex-m4": { fast: ["wasm3/operations.c"] },
    "cortex-m7": { fast: ["wasm3/operations.c"] },
  },
  modules: {
    scalar_ternary: { poolBytes: 11_328, stackBytes: 704, nativeBytes: 2_752 },
    scalar_binary: { poolBytes: 11_168, stackBytes: 704, nativeBytes: 2_480, bitsAlone: true },
    scalar_integers: { poolBytes: 42_160, stackBytes: 1_200, nativeBytes: 3_104 },
  },
};

const WAMR = "wasm-micro-runtime/core";

export const wamr: Interpreter = {
  crate: "wamrx-sys-0.3.0",
  sources: [
    ...["exec_env", "loader_common", "memory", "native", "runtime_common"].map((name) => `iwasm/common/wasm_${name}.c`),
    "iwasm/common/arch/invokeNative_thumb.s",
    ...["interp_fast", "loader", "runtime"].map((name) => `iwasm/interpreter/wasm_${name}.c`),
    ...["mem_alloc", "ems/ems_alloc", "ems/ems_hmu", "ems/ems_kfc"].map((name) => `shared/mem-alloc/${name}.c`),
    ...["assert", "bitmap", "common", "hashmap", "leb128", "list", "log", "queue", "vector"].map(
      (name) => `shared/utils/bh_${name}.c`,
    ),
    "shared/utils/runtime_timer.c",
  ].map((path) => `${WAMR}/${path}`),
  edits: [
    {
      // a population count that takes as long as bits are set
      file: `${WAMR}/iwasm/interpreter/wasm_interp_fast.c`,
      from: /while \(u\) \{\s+u = \(u & \(u - 1\)\);\s+ret\+\+;\s+\}/g,
      to: "ret = __builtin_popcountll (u);",
      times: 2,
    },
  ],
  parts: ["aot/aot_runtime", "compilation/aot"].map((name) => `${WAMR}/iwasm/${name}.h`),
  own: ["wamr/wamr.c", "wamr/platform.c"],
  includes: [
    ...["", "/iwasm/include", "/iwasm/common", "/iwasm/interpreter"],
    ...["/shared/platform/include", "/shared/utils", "/shared/mem-alloc"],
  ].map((path) => `${WAMR}${path}`),
  headers: ["wamr"], // platform_internal.h
  defines: [
    "NDEBUG=1",
    "BUILD_TARGET_THUMB=1",
    "WASM_ENABLE_INTERP=1",
    "WASM_ENABLE_FAST_INTERP=1",
    ...["AOT", "BULK_MEMORY", "REF_TYPES", "SHARED_MEMORY", "MINI_LOADER", "LOG"].map(
      (name) => `WASM_ENABLE_${name}=0`,
    ),
    "WASM_DISABLE_HW_BOUND_CHECK=1",
    "WASM_DISABLE_STACK_HW_BOUND_CHECK=1",
    "BH_MALLOC=wasm_runtime_malloc",
    "BH_FREE=wasm_runtime_free",
  ],
  flags: ["-std=gnu11", ...SECTIONS],
  link: LIBC,
  cores: {
    // two thirds of the instructions for 1.7 KB of flash
    "cortex-m4": {
      defines: ['BUILD_TARGET="THUMBV7EM"'],
      fast: [`${WAMR}/iwasm/interpreter/wasm_interp_fast.c`],
    },
  },
  modules: {
    scalar_ternary: { poolBytes: 19_600, stackBytes: 1_024, nativeBytes: 2_560 },
    scalar_binary: { poolBytes: 22_200, stackBytes: 1_024, nativeBytes: 2_560 },
    scalar_integers: { poolBytes: 50_000, stackBytes: 1_400, nativeBytes: 2_560 },
  },
};

export const INTERPRETERS: Record<string, Interpreter> = { wasm3, wamr };
