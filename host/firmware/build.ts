import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../errors.ts";
import type { Board } from "./boards.ts";
import { CORES } from "./cores.ts";
import { CACHE } from "./folder.ts";
import { boardProject, type Project } from "./project.ts";
import type { Runtime } from "./runtimes.ts";

/** Firmware for a board and a runtime: code alone, to which any blob fits. */
export interface Image {
  /** Of the ELF file, whose folder holds its sources. */
  elf: string;
  /** What the code region of flash holds, from its first byte. */
  code: Uint8Array;
}

/** How all of a firmware is linked: no start files and of libc no more than what is called, which is memcpy and memset. */
export const LINK = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-T", "link.ld"];
export const SECTIONS = ["-ffunction-sections", "-fdata-sections", "-ffreestanding", "-g"];

/**
 * The image of a board and a runtime, out of the cache, or compiled. `defines` are for builds that tests break. Throws EngineError, of kind
 * "missing" where there is no cross compiler.
 */
export async function buildImage(
  board: Board,
  runtime: Runtime,
  module: Uint8Array,
  defines: readonly string[] = [],
): Promise<Image> {
  const project = await boardProject(board, runtime, module);
  const { tools, packages, flags } = CORES[board.core];
  const gcc = `${tools}gcc`;
  const steps = compileSteps(project, [...flags, ...SECTIONS, ...defines]);
  const objects = steps.map(({ object }) => object);
  const link = [...flags, ...LINK, ...objects, "-o", "firmware.elf"];
  const hash = createHash("sha256")
    .update(JSON.stringify([project.files, steps, link]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(CACHE, `${board.name}-${runtime.name}-${hash}`);
  if (!existsSync(folder)) {
    await mkdir(CACHE, { recursive: true });
    const scratch = await mkdtemp(join(CACHE, "new-"));
    try {
      await writeProject(scratch, project);
      await Promise.all(steps.map(({ args }) => run(gcc, args, scratch, packages)));
      await run(gcc, link, scratch, packages);
      await run(`${tools}objcopy`, ["-O", "binary", "firmware.elf", "firmware.bin"], scratch, packages);
      await rename(scratch, folder).catch((error) => {
        if (!existsSync(folder)) throw error; // another process was faster
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  const elf = join(folder, "firmware.elf");
  return { elf, code: new Uint8Array(await readFile(join(folder, "firmware.bin"))) };
}

/** Arguments of the compiler per source, and the object that it makes. */
export function compileSteps({ sources }: Project, flags: readonly string[]): { object: string; args: string[] }[] {
  return sources.map(({ file, flags: own }) => {
    const object = file.replace(/\.c$/, ".o");
    return { object, args: [...flags, ...own, "-c", file, "-o", object] };
  });
}

export async function writeProject(folder: string, { files }: Project): Promise<void> {
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
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
    throw new EngineError("compile", `${program} ${args.join(" ")}:\n${stderr}`);
  }
}
