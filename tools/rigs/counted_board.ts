import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../host/base/package_root.ts";
import type { Board } from "../../host/firmware/boards.ts";
import { CORES } from "../../host/firmware/cores.ts";
import { CACHE } from "../../host/firmware/folder.ts";
import { run } from "../../host/firmware/make/build.ts";
import { type ProgrammedBoard, startProgrammed } from "./programmed_board.ts";

const SOURCE = join(packageRoot(), "tools", "rigs", "count_instructions.c");

/** An emulated board that counts instructions. */
export interface CountedBoard extends ProgrammedBoard {
  /** Invokes ops, and returns the instructions from the call of `tern_invoke` to the first of its reply: the same for the same ops and elements. */
  count(firstOp: number, endOp: number, rows: number): number;
}

/** Starts a firmware whose blob section is erased. Throws EngineError, of kind "missing" where there is no C compiler or no emulator. */
export async function startCounted(board: Board, elf: string): Promise<CountedBoard> {
  const { options, counts, close } = await countFrom("tern_invoke", board, elf);
  try {
    const programmed = await startProgrammed(board, elf, options);
    return {
      ...programmed,
      count(firstOp, endOp, rows) {
        const before = counts().length;
        programmed.device.invoke(firstOp, endOp, rows);
        const found = counts().slice(before);
        if (found.length === 1) return found[0]!;
        throw new Error(`${board.name}: ${found.length} counts of an invocation, expected 1`);
      },
      close() {
        programmed.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Instructions from a function of a firmware to the first of its next reply. */
export interface Counts {
  /** Of QEMU's command line: they make it count. */
  options: string[];
  /** What it has counted so far, a number for each time. */
  counts(): number[];
  close(): void;
}

export async function countFrom(name: string, board: Board, elf: string): Promise<Counts> {
  const [plugin, addressOf] = await Promise.all([buildPlugin(), readSymbols(board, elf)]);
  const [begin, end] = [addressOf(name), addressOf("frame_send")];
  const folder = mkdtempSync(join(tmpdir(), "tern-count-"));
  const file = join(folder, "counts");
  return {
    options: ["-plugin", `${plugin},begin=${begin},end=${end},to=${file}`],
    counts: () => (readFileSync(file, "utf8").match(/\d+\n/g) ?? []).map(Number),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Addresses by name, as the linker tells them. */
export async function readSymbols(board: Board, elf: string): Promise<(name: string) => number> {
  const { tools, packages } = CORES[board.core];
  const text = await run(`${tools}nm`, [elf], CACHE, packages);
  const symbols = new Map(
    text.split("\n").map((line) => {
      const [address = "", , name = ""] = line.split(" ");
      return [name, Number.parseInt(address, 16)];
    }),
  );
  return (name) => {
    const address = symbols.get(name);
    if (address === undefined) throw new Error(`${elf}: no symbol ${name}`);
    return address;
  };
}

/** The path of the plugin, which is compiled unless the cache has it. */
export async function buildPlugin(): Promise<string> {
  const hash = createHash("sha256")
    .update(await readFile(SOURCE))
    .digest("hex")
    .slice(0, 16);
  const path = join(CACHE, `count_instructions-${hash}.so`);
  if (existsSync(path)) return path;
  await mkdir(CACHE, { recursive: true });
  const scratch = `${path}.${process.pid}`;
  try {
    await run("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", SOURCE, "-o", scratch], CACHE, ["gcc"]);
    await rename(scratch, path);
  } finally {
    await rm(scratch, { force: true });
  }
  return path;
}
