import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll } from "vitest";
import { FIRMWARE } from "../../host/firmware/folder.ts";

/** Whether a program is here. */
export function hasProgram(name: string): boolean {
  return !spawnSync(name, ["--version"]).error;
}

/** gcc has its sanitizers with it; Debian's clang has those that need no library. */
const SANITIZERS: Record<string, string[]> = {
  gcc: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  clang: ["-fsanitize=undefined", "-fsanitize-trap=undefined"],
};

/** Sources that run on the host as well: the runtime on wasm2c. */
const RUNTIME = ["runtimes/runtime.h", "runtimes/wasm2c/wasm2c.c"];

/** Compiles a `main` with the wasm2c runtime for this machine, with sanitizers: a function that runs it and gives the lines that it prints. */
export function compileC(
  compiler: string,
  generated: Record<string, string>,
  main: string,
  sources: string[] = RUNTIME,
): (args: string[]) => string[] {
  const folder = mkdtempSync(join(tmpdir(), "tern-c-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(generated)) writeFileSync(join(folder, name), text);
  for (const path of sources) writeFileSync(join(folder, basename(path)), readFileSync(join(FIRMWARE, path)));
  writeFileSync(join(folder, "main.c"), main);
  const run = (program: string, ...words: string[]) => execFileSync(program, words, { cwd: folder, encoding: "utf8" });
  const common = ["-std=gnu99", "-O1", "-g", ...SANITIZERS[compiler]!];
  const module = Object.keys(generated).filter((name) => name.endsWith(".c"));
  run(compiler, ...common, "-w", "-DNDEBUG", "-c", ...module);
  const own = ["main.c", ...sources.map((path) => basename(path)).filter((name) => name.endsWith(".c"))];
  const objects = module.map((name) => name.replace(/\.c$/, ".o"));
  run(compiler, ...common, "-Wall", "-Wextra", "-Werror", ...own, ...objects, "-lm", "-o", "main");
  return (args) =>
    run(join(folder, "main"), ...args)
      .trim()
      .split("\n");
}
