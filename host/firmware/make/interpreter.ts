import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { npmRun, packageRoot } from "../../base/package_root.ts";
import type { CoreName } from "../cores.ts";
import { FIRMWARE } from "../folder.ts";
import type { Interpreter, Sizes } from "./interpreters.ts";
import type { Source } from "./source.ts";

/** Where `npm run runtimes:install` puts the sources of interpreters. */
export const CRATES = join(packageRoot(), ".cache", "runtimes");

/** An interpreter as part of a project: its sources, and ours for it. */
export interface InterpreterParts {
  files: Record<string, string>;
  sources: Source[];
}

/** Theirs are written for an operating system's C library, and are not free of warnings. */
const THEIRS = ["-fhosted", "-w"];
const OURS = ["-fhosted", "-Wall", "-Wextra", "-Werror"];

/** Throws EngineError of kind "missing" where the sources are not here. */
export function interpreterParts(interpreter: Interpreter, core: CoreName, module: Uint8Array): InterpreterParts {
  const { crate, cores, own, headers, sources } = interpreter;
  const folder = join(CRATES, crate);
  if (!existsSync(folder)) {
    throw new EngineError("missing", `no sources of ${crate}: \`${npmRun("runtimes:install")}\` fetches them`);
  }
  const { fast = [], defines = [] } = cores[core]!;
  const flags = [
    ...interpreter.flags,
    ...[...interpreter.defines, ...defines].map((define) => `-D${define}`),
    ...["-I.", ...interpreter.includes.flatMap((path) => ["-isystem", path])],
  ];
  const speed = (path: string) => (fast.includes(path) ? "-O2" : "-Os");
  const { poolBytes, stackBytes } = sizesFor(interpreter, module);
  const sizes = [`-DRUNTIME_POOL_BYTES=${poolBytes}`, `-DRUNTIME_STACK_BYTES=${stackBytes}`];
  const ours = [
    "runtimes/module.h",
    ...own.map((path) => `runtimes/${path}`),
    ...headers.flatMap((path) => listHeaders(join(FIRMWARE, "runtimes"), path).map((name) => `runtimes/${name}`)),
  ];
  const theirs = [...new Set([...sources, ...interpreter.parts, ...filesOf(folder, interpreter)])];
  return {
    files: {
      ...Object.fromEntries(ours.map((path) => [basename(path), readFileSync(join(FIRMWARE, path), "utf8")])),
      ...Object.fromEntries(
        theirs.map((path) => [path, edited(interpreter, path, readFileSync(join(folder, path), "utf8"))]),
      ),
    },
    sources: [
      ...own.map((path, i) => ({
        file: basename(path),
        flags: [...flags, ...OURS, speed(path), ...(i === 0 ? sizes : [])],
        kept: i > 0,
      })),
      ...sources.map((path) => ({ file: path, flags: [...flags, ...THEIRS, speed(path)], kept: true })),
    ],
  };
}

/** A file of theirs with our edits. Throws EngineError of kind "version" where it is not what they are for. */
export function edited({ edits = [] }: Interpreter, path: string, text: string): string {
  for (const { from, to, times } of edits.filter(({ file }) => file === path)) {
    const found = text.match(from)?.length ?? 0;
    if (found !== times) throw new EngineError("version", `${path}: found ${from} ${found} times, expected ${times}`);
    text = text.replace(from, to);
  }
  return text;
}

/** Static memory for a module. One that was not measured gets what is enough for a measured one that is no smaller. */
export function sizesFor({ modules }: Interpreter, module: Uint8Array): Sizes {
  const measured = Object.entries(modules)
    .map(([name, sizes]) => ({ bytes: statSync(join(packageRoot(), "build", `${name}.wasm`)).size, sizes }))
    .sort((a, b) => a.bytes - b.bytes);
  return (measured.find(({ bytes }) => bytes >= module.length) ?? measured.at(-1)!).sizes;
}

/** Headers that its sources may include: those of the folders in which it looks for headers, and those beside sources. */
function filesOf(folder: string, { sources, includes }: Interpreter): string[] {
  const beside = sources.map((path) => path.slice(0, path.lastIndexOf("/")));
  return [...new Set([...includes, ...beside])].flatMap((path) => listHeaders(folder, path));
}

function listHeaders(folder: string, path: string): string[] {
  const names = readdirSync(join(folder, path)).filter((name) => name.endsWith(".h"));
  return names.sort().map((name) => `${path}/${name}`);
}

/** The module as it lies in flash, for the assembler: from module_begin to module_end (module.h). */
export function moduleSource(module: Uint8Array): string {
  const lines = Array.from({ length: Math.ceil(module.length / 16) }, (_, i) => {
    return `.byte ${module.subarray(16 * i, 16 * i + 16).join(", ")}`;
  });
  return `/* tern.wasm */
.section .rodata.module, "a"
.global module_begin, module_end
.balign 16
module_begin:
${lines.join("\n")}
module_end:
.byte 0
`;
}
