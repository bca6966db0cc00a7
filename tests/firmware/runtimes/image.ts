import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { CORES, type CoreName } from "../../../host/firmware/cores.ts";
import { edited } from "../../../host/firmware/make/interpreter.ts";
import { INTERPRETERS } from "../../../host/firmware/make/interpreters.ts";
import { buildPlugin } from "../../../tools/rigs/counted_board.ts";
import { PROJECT } from "../../house/project_files.ts";

const HERE = import.meta.dirname;
const RUNTIMES = join(PROJECT, "host", "firmware", "runtimes");
const CRATES = join(PROJECT, ".cache", "runtimes");

/** A machine of QEMU: its core, and where flash and RAM begin, and their bytes. Only flash of mps2 can be written by the program. */
interface Board {
  core: CoreName;
  flash: [number, number];
  ram: [number, number];
}

export const BOARDS: Record<string, Board> = {
  microbit: { core: "cortex-m0", flash: [0, 256 << 10], ram: [0x2000_0000, 16 << 10] },
  lm3s6965evb: { core: "cortex-m3", flash: [0, 256 << 10], ram: [0x2000_0000, 64 << 10] },
  netduinoplus2: { core: "cortex-m4", flash: [0x0800_0000, 1 << 20], ram: [0x2000_0000, 128 << 10] },
  "mps2-an386": { core: "cortex-m4", flash: [0, 4 << 20], ram: [0x2000_0000, 4 << 20] },
  "mps2-an500": { core: "cortex-m7", flash: [0, 4 << 20], ram: [0x2000_0000, 4 << 20] },
};

/** What tests here, and those that need `more`, cannot do without, where it lacks. */
export function missingTool(...more: string[]): string | undefined {
  for (const { crate } of Object.values(INTERPRETERS)) {
    if (!existsSync(join(CRATES, crate))) return `no .cache/runtimes/${crate}: \`npm run runtimes:install\` fetches it`;
  }
  for (const tool of ["arm-none-eabi-gcc", "qemu-system-arm", ...more]) {
    try {
      execFileSync(tool, ["--version"], { stdio: "ignore" });
    } catch {
      return `no ${tool}: \`apt-get install gcc gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm\``;
    }
  }
  return undefined;
}

const folder = mkdtempSync(join(tmpdir(), "tern-firmware-"));
export function removeImages(): void {
  rmSync(folder, { recursive: true });
}

const run = promisify(execFile);
const GCC = "arm-none-eabi-gcc";
const STRICT = ["-Wall", "-Wextra", "-Werror"];

/** Folder of an interpreter's sources, with our edits. */
function crateOf(interpreter: string): string {
  const { crate, edits = [] } = INTERPRETERS[interpreter]!;
  const to = join(folder, crate);
  if (existsSync(to)) return to;
  cpSync(join(CRATES, crate), to, { recursive: true });
  for (const file of new Set(edits.map(({ file }) => file))) {
    writeFileSync(join(to, file), edited(INTERPRETERS[interpreter]!, file, readFileSync(join(to, file), "utf8")));
  }
  return to;
}

/** The objects of an interpreter for a core, by `interpreter core`: compiled once. */
const compiled = new Map<string, Promise<string[]>>();

function objectsOf(interpreter: string, core: CoreName): Promise<string[]> {
  const key = `${interpreter} ${core}`;
  let objects = compiled.get(key);
  if (!objects) {
    objects = compileInterpreter(interpreter, core);
    compiled.set(key, objects);
  }
  return objects;
}

/** What does not depend on sizes: all but <interpreter>/<interpreter>.c. */
async function compileInterpreter(interpreter: string, core: CoreName): Promise<string[]> {
  const { sources, own, cores } = INTERPRETERS[interpreter]!;
  const { fast = [] } = cores[core]!;
  const files = [
    ...sources.map((path) => ({ path, from: join(crateOf(interpreter), path) })),
    ...own.slice(1).map((path) => ({ path, from: join(RUNTIMES, path) })),
  ];
  const out = join(folder, `${interpreter}-${core}`);
  mkdirSync(out);
  const objects: string[] = [];
  const work = files.map(({ path, from }) => async () => {
    const object = join(out, `${path.replaceAll("/", "_")}.o`);
    const warnings = sources.includes(path) ? ["-w"] : STRICT;
    const speed = fast.includes(path) ? "-O2" : "-Os";
    await run(GCC, [...flagsOf(interpreter, core), speed, ...warnings, "-c", from, "-o", object]);
    objects.push(object);
  });
  await Promise.all(
    [1, 2].map(async () => {
      for (let next = work.pop(); next; next = work.pop()) await next();
    }),
  );
  return objects;
}

function flagsOf(interpreter: string, core: CoreName): string[] {
  const { defines, flags, headers, includes, cores } = INTERPRETERS[interpreter]!;
  return [
    ...CORES[core].flags,
    ...flags,
    ...[...defines, ...(cores[core]!.defines ?? [])].map((define) => `-D${define}`),
    ...["", ...headers].map((path) => `-I${join(RUNTIMES, path)}`),
    ...includes.flatMap((path) => ["-isystem", join(crateOf(interpreter), path)]),
  ];
}

export interface Program {
  interpreter: string;
  board: string;
  /** A C file beside this one. */
  main: string;
  /** Numbers that it and the interpreter's glue get as macros. */
  defines: Record<string, number>;
  /** Bytes that it finds in flash, from <name>_begin to <name>_end. */
  files: Record<string, Uint8Array>;
}

/** Assembly that places files, from <name>_begin to <name>_end; it includes them from a folder, where they are written to. */
function placed(files: Record<string, Uint8Array>, out: string): string {
  const parts = Object.entries(files).map(([name, bytes]) => {
    const path = join(out, name);
    writeFileSync(path, bytes);
    return `.global ${name}_begin, ${name}_end\n.balign 16\n${name}_begin: .incbin "${path}"\n${name}_end: .byte 0\n`;
  });
  return parts.join("");
}

export interface Image {
  path: string;
  /** Bytes of flash without `files`, and of RAM without the stack. */
  code: number;
  ram: number;
}

let images = 0;

/** Compiles and links a program for a board. */
export async function buildImage({ interpreter, board, main, defines, files }: Program): Promise<Image> {
  const { core, flash, ram } = BOARDS[board]!;
  const objects = await objectsOf(interpreter, core);
  const out = join(folder, `image-${images++}`);
  mkdirSync(out);
  writeFileSync(join(out, "files.s"), `.section .rodata\n${placed(files, out)}`);
  const macros = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
  const glue = join(RUNTIMES, INTERPRETERS[interpreter]!.own[0]!);
  const own = [glue, join(HERE, main), join(HERE, "start.c"), join(out, "files.s")];
  const flags = [...flagsOf(interpreter, core), ...macros, "-Os", ...STRICT];
  const made = own.map((path) => join(out, `${basename(path)}.o`));
  await Promise.all(own.map((path, i) => run(GCC, [...flags, "-c", path, "-o", made[i]!])));
  const path = join(out, "image.elf");
  const regions = { FLASH: flash[0], FLASH_BYTES: flash[1], RAM: ram[0], RAM_BYTES: ram[1] };
  const symbols = Object.entries(regions).map(([name, value]) => `-Wl,--defsym=${name}=${value}`);
  const link = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,--no-warnings"];
  await run(GCC, [
    ...CORES[core].flags,
    ...link,
    "-T",
    join(HERE, "board.ld"),
    ...symbols,
    ...made,
    ...objects,
    "-o",
    path,
  ]);
  const [text, data, bss] = (await run("arm-none-eabi-size", [path])).stdout
    .split("\n")[1]!
    .trim()
    .split(/\s+/)
    .map(Number);
  const fileBytes = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0);
  return { path, code: text! + data! - fileBytes, ram: data! + bss! };
}

/**
 * Compiles wasm3 and a program for the machine at hand, with sanitizers, and runs it; `files` lie in memory that can be written. Loads and
 * stores of the module are unaligned by nature, its shifts are of signed numbers in wasm3, and calls take more of the stack than on a device.
 */
export async function runOnHost(
  main: string,
  defines: Record<string, number>,
  files: Record<string, Uint8Array>,
): Promise<string> {
  const { sources, own, includes, defines: fixed } = INTERPRETERS.wasm3!;
  const crate = crateOf("wasm3");
  const paths = [...sources.map((path) => join(crate, path)), ...own.map((path) => join(RUNTIMES, path))];
  const out = join(folder, "host");
  mkdirSync(out);
  writeFileSync(join(out, "files.s"), `.data\n${placed(files, out)}.section .note.GNU-stack\n`);
  const macros = [...fixed, ...Object.entries(defines).map(([name, value]) => `${name}=${value}`)].map((x) => `-D${x}`);
  const stack = ["-Ud_m3MaxNativeStack", "-Dd_m3MaxNativeStack=1000000"];
  const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize=alignment,shift", "-fno-sanitize-recover=all"];
  const system = includes.flatMap((path) => ["-isystem", join(crate, path)]);
  const program = join(out, "program");
  const flags = ["-std=gnu11", "-O1", "-w", ...sanitizers, ...macros, ...stack, `-I${RUNTIMES}`, ...system];
  await run("cc", [...flags, ...paths, join(HERE, main), join(out, "files.s"), "-lm", "-o", program]);
  return (await run(program, [], { timeout: 60_000 })).stdout;
}

let plugin: Promise<string> | undefined;

/** Instructions of a run, counted by a plugin of QEMU (tools/rigs/count_instructions.c). */
export async function countInstructions(board: string, image: Image): Promise<number> {
  plugin ??= buildPlugin();
  const { stderr } = await runImage(board, image, ["-plugin", await plugin]);
  return Number(stderr.match(/^instructions (\d+)$/m)![1]);
}

/** Runs an image until it ends, and returns the lines that it printed, and its exit code. */
export async function runImage(
  board: string,
  image: Image,
  options: string[] = [],
): Promise<{ lines: string[]; code: number; stderr: string }> {
  const console = ["-chardev", "stdio,id=c0", "-semihosting-config", "enable=on,target=native,chardev=c0"];
  const quiet = ["-display", "none", "-serial", "none", "-monitor", "none"];
  const child = run("qemu-system-arm", ["-M", board, "-kernel", image.path, ...quiet, ...console, ...options], {
    timeout: 60_000,
  });
  child.child.stdin?.end();
  const { stdout, stderr, code } = await child.then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error) => ({ stdout: error.stdout as string, stderr: error.stderr as string, code: error.code as number }),
  );
  return { lines: stdout.trimEnd().split("\n"), code, stderr };
}
