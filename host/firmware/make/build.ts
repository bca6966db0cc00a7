import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../../base/errors.ts";
import { inTemporaryFolder } from "../../base/leftovers.ts";
import type { Board } from "../boards.ts";
import { CORES } from "../cores.ts";
import { CACHE } from "../folder.ts";
import { boardProject, type Project } from "./project.ts";
import type { Runtime } from "./runtimes.ts";

/** Firmware for a board and a runtime: code alone, to which any blob fits. */
export interface Image {
  /** Of the ELF file, whose folder holds its sources. */
  elf: string;
  /** What the code region of flash holds, from its first byte. */
  code: Uint8Array;
  /** Paths of the objects that it was linked of, by name. */
  objects: Record<string, string>;
}

/** How all of a firmware is linked: no start files and of libc no more than what is called, which is memcpy and memset. */
export const LINK = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-T", "link.ld"];
export const SECTIONS = ["-ffunction-sections", "-fdata-sections", "-ffreestanding", "-g"];

export interface BuildOptions {
  /** For builds that tests break. */
  defines?: readonly string[];
  /** update.wasm, for a firmware with slots. */
  update?: Uint8Array;
}

/**
 * The image of a board and a runtime, out of the cache, or compiled. Throws EngineError, of kind "missing" where there is no cross compiler, and of a
 * board without slots for a firmware with them.
 */
export async function buildImage(
  board: Board,
  runtime: Runtime,
  module: Uint8Array,
  { defines = [], update }: BuildOptions = {},
): Promise<Image> {
  const project = await boardProject(board, runtime, module, update);
  const { tools, packages, flags } = CORES[board.core];
  const gcc = `${tools}gcc`;
  const steps = compileSteps(project, [...flags, ...SECTIONS], defines);
  const kept = steps.filter((step) => step.kept);
  const keptFiles = project.keptFiles.map((name) => [name, project.files[name]!]);
  const keptFolder = folderFor(`${runtime.name}-${board.core}`, [keptFiles, kept]);
  if (kept.length > 0) {
    await makeFolder(keptFolder, async (scratch) => {
      await writeProject(scratch, project.files, project.keptFiles);
      await compile(gcc, kept, scratch, packages);
    });
  }
  const objects = steps.map(({ object, kept }) => (kept ? join(keptFolder, object) : object));
  const link = [...flags, ...LINK, ...objects, ...project.link, "-o", "firmware.elf"];
  const folder = folderFor(`${board.name}-${runtime.name}`, [project.files, steps, link]);
  await makeFolder(folder, async (scratch) => {
    await writeProject(scratch, project.files);
    await compile(
      gcc,
      steps.filter((step) => !step.kept),
      scratch,
      packages,
    );
    await run(gcc, link, scratch, packages).catch((error: Error) => {
      const short = error.message.match(/region `ram' overflowed by (\d+) bytes/)?.[1];
      if (short === undefined) throw error;
      const what = `${runtime.name} with a module of ${module.length} bytes`;
      throw new EngineError(
        "memory",
        `${board.name} has ${board.ram.bytes} bytes of RAM, ${short} too few for ${what}`,
      );
    });
    await run(`${tools}objcopy`, ["-O", "binary", "firmware.elf", "firmware.bin"], scratch, packages);
  });
  const paths = steps.map(({ object, kept }) => [object, join(kept ? keptFolder : folder, object)] as const);
  const code = new Uint8Array(await readFile(join(folder, "firmware.bin")));
  return { elf: join(folder, "firmware.elf"), code, objects: Object.fromEntries(paths) };
}

/** A folder of the cache for what is made of `parts` alone. */
function folderFor(name: string, parts: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
  return join(CACHE, `${name}-${hash}`);
}

/** Has `make` fill a folder, unless it is there; all of it or nothing. */
async function makeFolder(folder: string, make: (scratch: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  await inTemporaryFolder(CACHE, async (scratch) => {
    await make(scratch);
    await rename(scratch, folder).catch((error) => {
      if (!existsSync(folder)) throw error; // another process was faster
    });
  });
}

/** A call of the compiler: its arguments, the source and the object that it makes. */
export interface Step {
  file: string;
  object: string;
  args: string[];
  kept: boolean;
}

/** `defines` are for sources that are not kept. */
export function compileSteps({ sources }: Project, flags: readonly string[], defines: readonly string[] = []): Step[] {
  return sources.map(({ file, flags: own, kept = false }) => {
    const object = file.replace(/\.[csS]$/, ".o");
    return { file, object, args: [...flags, ...(kept ? [] : defines), ...own, "-c", file, "-o", object], kept };
  });
}

/** Runs steps in a folder, a few at a time. */
export async function compile(gcc: string, steps: readonly Step[], folder: string, packages: string[]): Promise<void> {
  const left = steps.slice();
  const work = async () => {
    for (let step = left.pop(); step; step = left.pop()) await run(gcc, step.args, folder, packages);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** Writes files of a project, all if not said. */
async function writeProject(
  folder: string,
  files: Record<string, string>,
  names: readonly string[] = Object.keys(files),
): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, files[name]!);
  }
}

/** Runs a program of a cross compiler. */
export async function run(program: string, args: string[], cwd: string, packages: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd })).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === "ENOENT") {
      throw new EngineError("missing", `no ${program}: \`apt-get install ${packages.join(" ")}\` gets it, on Debian`);
    }
    throw new EngineError("compile", `${program} ${args.join(" ")}:`, ...(stderr ?? "").trimEnd().split("\n"));
  }
}
