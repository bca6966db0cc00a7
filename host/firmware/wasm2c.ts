import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../errors.ts";
import { FIRMWARE } from "./folder.ts";

/** The version of npm `wabt` whose output we know: `inject` depends on its text. */
export const WABT = "1.0.39";

/** The generated files, and the runtime's header by the name that they include it by. */
const [C, H] = ["module_wasm2c.c", "module_wasm2c.h"];

/** C of modules, by their hash: wasm2c takes a third of a second. */
const translated = new Map<string, Promise<Record<string, string>>>();

/** A module as C, by wabt's wasm2c, with our bounds check in it. Throws EngineError, also for a wasm2c whose output is not what we know. */
export function translate(module: Uint8Array): Promise<Record<string, string>> {
  const hash = createHash("sha256").update(module).digest("hex");
  const files = translated.get(hash) ?? runWasm2c(module);
  translated.set(hash, files);
  return files;
}

async function runWasm2c(module: Uint8Array): Promise<Record<string, string>> {
  const wasm2c = findWasm2c();
  const folder = await mkdtemp(join(tmpdir(), "tern-wasm2c-"));
  try {
    await writeFile(join(folder, "module.wasm"), module);
    const args = [wasm2c, "module.wasm", "-n", "tern", "-o", C];
    await promisify(execFile)(process.execPath, args, { cwd: folder }).catch((error: { stderr?: string }) => {
      throw new EngineError("compile", `wasm2c refuses the module: ${error.stderr?.trim() ?? error}`);
    });
    const [c, h, rt] = await Promise.all([
      readFile(join(folder, C), "utf8"),
      readFile(join(folder, H), "utf8"),
      readFile(join(FIRMWARE, "runtimes", "wasm2c", "wasm_rt.h"), "utf8"),
    ]);
    return { [C]: inject(c), [H]: h, "wasm-rt.h": rt };
  } finally {
    await rm(folder, { recursive: true });
  }
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

/** Where our macros go: behind all that wasm2c defines of memory accesses, before their first use. */
const ANCHOR = "static inline void load_data(u8* dest, const u8* src, size_t n) {\n";

const MACROS = `// Little Tern: the bounds check is that of wasm-rt.h; with it, a load whose value is not used needs no keeping.
#undef MEMCHECK_DEFAULT32
#define MEMCHECK_DEFAULT32(mem, a, t) TERN_MEMCHECK(mem, a, t)
#undef FORCE_READ_INT
#define FORCE_READ_INT(var)

`;

/**
 * Puts our bounds check into generated C. Throws EngineError where the text is not as expected: anchor and macro, each as often as in the wabt
 * that we know, and every access of the module through the macro.
 */
export function inject(c: string): string {
  const count = (text: string) => c.split(text).length - 1;
  const expect = (text: string, times: number) => {
    if (count(text) === times) return;
    const shown = JSON.stringify(text.trim());
    throw new EngineError("version", `wasm2c's output: found ${shown} ${count(text)} times, expected ${times}`);
  };
  expect(ANCHOR, 1);
  expect("#define MEMCHECK_DEFAULT32(mem, a, t)", 2);
  expect("    MEMCHECK_DEFAULT32(mem, addr, mem_type); ", 3);
  expect("#define FORCE_READ_INT(var)", 2);
  const body = c.slice(c.indexOf("\nstatic u32 w2c_tern_"));
  const odd = body.match(/\b[if](32|64)_(load|store)\w*\(|\bmemory_\w+\(|\bwasm_rt_grow_memory\(/g) ?? [];
  const unchecked = odd.find((call) => !call.endsWith("_default32("));
  if (unchecked)
    throw new EngineError("version", `wasm2c's output: found a call of ${unchecked}…), which we do not check`);
  return c.replace(ANCHOR, () => MACROS + ANCHOR);
}
