import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../../base/errors.ts";
import { inTemporaryFolder } from "../../base/leftovers.ts";
import { FIRMWARE } from "../folder.ts";

/** The version of npm `wabt` whose output we know: `inject` depends on its text. */
export const WABT = "1.0.39";

/** A kind of module that becomes C. */
interface Kind {
  /** What its functions' names begin with, behind w2c_. */
  name: string;
  /** Its files are <file>.c and <file>.h, which include wasm-rt.h. */
  file: string;
  /** What stands above its header. */
  preamble(module: Uint8Array): string;
}

const ownBytes = (bytes: number, told: string) =>
  `/* Bytes at the start of its memory that the module keeps for itself: ${told}. */\n#define TERN_OWN_BYTES ${bytes}u\n\n`;

const TERN: Kind = {
  name: "tern",
  file: "module_wasm2c",
  preamble: (module) => ownBytes(ownBytesOf(module), "its features(4)"),
};

/** Its functions of wasm-rt.h are its own, so that it stands beside a tern.wasm. */
const UPDATE: Kind = {
  name: "update",
  file: "update_wasm2c",
  preamble: () =>
    `${ownBytes(512, "assembly/update/README.md")}#define wasm_rt_trap update_trap\n#define wasm_rt_allocate_memory update_allocate_memory\n\n`,
};

/** C of modules, by their hash: wasm2c takes a third of a second. */
const translated = new Map<string, Promise<Record<string, string>>>();

/** tern.wasm as C, by wabt's wasm2c, with our bounds checks in it. Throws EngineError, also for a wasm2c whose output is not what we know. */
export function translate(module: Uint8Array): Promise<Record<string, string>> {
  return translateOnce(module, TERN);
}

/** update.wasm as C, likewise. */
export function translateUpdate(module: Uint8Array): Promise<Record<string, string>> {
  return translateOnce(module, UPDATE);
}

function translateOnce(module: Uint8Array, kind: Kind): Promise<Record<string, string>> {
  const hash = createHash("sha256").update(kind.name).update(module).digest("hex");
  const files = translated.get(hash) ?? runWasm2c(module, kind);
  translated.set(hash, files);
  return files;
}

async function runWasm2c(module: Uint8Array, { name, file, preamble }: Kind): Promise<Record<string, string>> {
  const wasm2c = findWasm2c();
  const [C, H] = [`${file}.c`, `${file}.h`];
  return inTemporaryFolder(tmpdir(), async (folder) => {
    await writeFile(join(folder, "module.wasm"), module);
    const args = [wasm2c, "module.wasm", "-n", name, "-o", C];
    await promisify(execFile)(process.execPath, args, { cwd: folder }).catch((error: { stderr?: string }) => {
      throw new EngineError("compile", `wasm2c refuses the module: ${error.stderr?.trim() ?? error}`);
    });
    const above = preamble(module);
    const [c, h, rt] = await Promise.all([
      readFile(join(folder, C), "utf8"),
      readFile(join(folder, H), "utf8"),
      readFile(join(FIRMWARE, "runtimes", "wasm2c", "wasm_rt.h"), "utf8"),
    ]);
    return { [C]: inject(c, name), [H]: above + h, "wasm-rt.h": rt };
  });
}

/** features(4) of a module. */
function ownBytesOf(module: Uint8Array): number {
  return exportsOf(module).features!(4) >>> 0;
}

/** Functions of a tern.wasm, which can be asked what it is: it has no memory. */
export function exportsOf(module: Uint8Array): Record<string, (...args: number[]) => number> {
  const imports = { board: { weights_read: () => 1 } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module as Uint8Array<ArrayBuffer>), imports);
  return exports as Record<string, (...args: number[]) => number>;
}

function findWasm2c(): string {
  const require = createRequire(import.meta.url);
  let found: string;
  try {
    found = wabtVersion();
  } catch {
    throw new EngineError("missing", `wasm2c is missing: \`npm install wabt@${WABT}\` gets it`);
  }
  if (found !== WABT) throw new EngineError("version", `wabt is ${found}, expected ${WABT}`);
  return join(dirname(require.resolve("wabt/package.json")), "bin", "wasm2c");
}

/** Version of npm `wabt`. Throws where it is not here. */
export function wabtVersion(): string {
  return (createRequire(import.meta.url)("wabt/package.json") as { version: string }).version;
}

/** An access of the module as wasm2c writes it: what, the address, the offset if there is one, and what follows. */
const ACCESS =
  /\b(i(?:32|64)_(?:load|store)\w*?)_default32\(&instance->w2c_memory, \(u64\)\((\w+)\)(?: \+ (\d+)u?)?([),])/g;
/** The first line of every function of the module. */
const PROLOGUE = /^ {2}FUNC_PROLOGUE;$/gm;

/** Lines outside of accesses that may name a memory: those that make, give and free an instance. */
const OTHER_USES = [
  /^ {2}wasm_rt_allocate_memory\(&instance->w2c_memory, \d+, \d+, 0, 65536\);$/,
  /^ {2}wasm_rt_segue_write_base\(instance->w2c_memory\.data\);$/, // x86-64 alone, where WASM_RT_USE_SEGUE says so
  /^ {2}return &instance->w2c_memory;$/,
  /^ {2}wasm_rt_free_memory\(&instance->w2c_memory\);$/,
];

/**
 * Puts our accesses into generated C: those of wasm-rt.h, which say what they guarantee, in the place of wasm2c's. Throws EngineError where
 * memory is used in any other way than we know, be it by another wasm2c or by a module that grows or fills its memory.
 */
export function inject(c: string, name = "tern"): string {
  const begin = c.search(new RegExp(`\\nstatic (u32|void) w2c_${name}_`)); // of what is made of the module
  if (begin < 0) throw new EngineError("version", `wasm2c's output: found no function, expected w2c_${name}_…`);
  const body = c
    .slice(begin)
    .replace(ACCESS, (_, access, address, offset = "0", next) => `${access}_at(memory, ${address}, ${offset}u${next}`)
    .replace(PROLOGUE, (line) => `${line}\n  TERN_MEMORY(instance)`);
  const isKnown = (line: string) => OTHER_USES.some((use) => use.test(line));
  const uses = /w2c_memory|\w*memory_\w+\(|\b[if](32|64)_(load|store)\w*\(/g;
  for (const line of body.split("\n").filter((each) => !isKnown(each))) {
    const other = line.match(uses)?.find((use) => !use.endsWith("_at("));
    if (other === undefined) continue;
    throw new EngineError("version", `wasm2c's output: found ${other} in "${line.trim()}", which we do not check`);
  }
  return c.slice(0, begin) + body;
}
