import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { EngineError } from "../../base/errors.ts";
import { asInputError } from "../../base/file_errors.ts";
import type { Board, Region } from "../boards.ts";
import { type Chunk, intelHex } from "../hex.ts";
import type { Port } from "./client.ts";
import { type Line, openPort } from "./port.ts";

/** Debian packages with QEMU's programs, by the system that they emulate. */
export const QEMU_PACKAGES: Record<string, string> = { arm: "qemu-system-arm", riscv32: "qemu-system-misc" };

type Qemu = NonNullable<Board["qemu"]>;

/** QEMU starts within a tenth of a second; a busy machine takes longer. */
const START_MS = 60_000;

/**
 * A board in QEMU: firmware in flash, a blob in its part of flash, and the UART as a port. Closing the port stops it; it also ends with this
 * process, however that ends. `options` are further ones of QEMU's command line.
 */
export async function startEmulator(
  board: Board,
  elf: string,
  blob: Uint8Array,
  options: readonly string[] = [],
): Promise<Line> {
  if (!board.qemu) throw new EngineError("missing", `no emulator for ${board.name}: its file names none`);
  const { system, machine } = board.qemu;
  const program = `qemu-system-${system}`;
  const folder = mkdtempSync(join(tmpdir(), "tern-device-"));
  const uart = join(folder, "uart");
  const log = join(folder, "log");
  const memory = memoryArgs(board.qemu, board, elf, blob, folder);
  try {
    execFileSync("mkfifo", [`${uart}.in`, `${uart}.out`]);
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw new EngineError("missing", `no pipes for the emulator's UART: ${(error as Error).message}`);
  }
  const args = [
    ...["-machine", machine, "-nodefaults", "-display", "none"],
    ...["-chardev", "stdio,id=monitor,signal=off", "-mon", "chardev=monitor"],
    ...["-chardev", `pipe,id=uart,path=${uart}`, "-serial", "chardev:uart"],
    ...memory,
    ...options,
  ];
  const output = openSync(log, "w");
  const qemu = spawn(program, args, { stdio: ["pipe", "ignore", output], detached: true }); // a Ctrl-C is for us
  closeSync(output);
  let failure: (() => string) | undefined;
  qemu.on("error", (error: NodeJS.ErrnoException) => {
    const advice = `\`apt-get install --no-install-recommends ${QEMU_PACKAGES[system] ?? program}\` gets it, on Debian`;
    failure = () => (error.code === "ENOENT" ? `no ${program}: ${advice}` : error.message);
  });
  qemu.on("exit", () => {
    failure ??= () => `${program} has ended: ${readLog()}`;
  });
  qemu.stdin!.on("error", () => {}); // it has ended, which is told above
  unref(qemu);
  const guard = qemu.pid === undefined ? undefined : startGuard(qemu.pid, folder);

  let port: Line | undefined;
  const stop = () => {
    port?.close();
    guard?.kill();
    qemu.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  const readLog = () => {
    const lines = readFileSync(log, "utf8").trim();
    return lines === "" ? "it said nothing" : lines;
  };
  try {
    // Until the firmware says that it is ready: QEMU would lose what is sent before.
    for (let waited = 0; !port || !hasSpoken(port); waited += 5) {
      if (failure !== undefined) throw new EngineError("missing", failure());
      if (waited > START_MS) throw new EngineError("missing", `${board.name} in ${program} is silent: ${readLog()}`);
      await setTimeout(5);
      port ??= tryPort(uart);
    }
    // An empty line for its monitor: QEMU asks a UART whether it is on only when something else wakes it.
    qemu.stdin!.write("\n");
  } catch (error) {
    stop();
    throw error;
  }
  return { ...port, close: stop, async: { ...port.async, close: stop } };
}

/** What puts code and blob where they belong. */
function memoryArgs(
  { pflash }: Qemu,
  { flash, blob: region }: Board,
  elf: string,
  blob: Uint8Array,
  folder: string,
): string[] {
  const path = join(folder, "flash");
  if (!pflash) {
    const hex = `${path}.hex`; // QEMU takes raw files of no more bytes than the board has of RAM
    writeFileSync(hex, intelHex([{ address: region.address, bytes: blob }]));
    return ["-kernel", elf, "-device", `loader,file=${hex}`];
  }
  const code = { address: flash.address, bytes: readFileSync(join(dirname(elf), "firmware.bin")) };
  writeSparse(path, pflash[0]!, [code, { address: region.address, bytes: blob }]);
  return ["-bios", "none", "-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${path}`];
}

/**
 * What keeps the flash of a board's slots in a file, which is made where there is none: an option for startEmulator. Another emulator cannot have the file at the
 * same time. Throws EngineError where QEMU has no such flash, and for a file of another size; InputError where it cannot be made.
 */
export function keepFlash({ name, slots, qemu }: Board, path: string): string[] {
  const holds = ({ address, bytes }: Region) =>
    slots && slots.counter[0] - address >= 0 && slots.counter[0] - address < bytes;
  const unit = qemu?.pflash?.findIndex(holds) ?? -1;
  const memory = qemu?.pflash?.[unit] ?? (qemu?.ram && holds(qemu.ram) ? qemu.ram : undefined);
  if (!memory || unit === 0) throw new EngineError("missing", `${name}: no emulator keeps its slots in a file`);
  const size = sizeOfFlash(path, memory);
  if (size !== memory.bytes) {
    throw new EngineError("missing", `${path}: ${size} bytes, expected ${memory.bytes}, the flash of ${name}`);
  }
  const file = path.replaceAll(",", ",,");
  if (unit > 0) return ["-drive", `if=pflash,unit=${unit},format=raw,file=${file}`];
  const backend = `memory-backend-file,id=kept,share=on,size=${memory.bytes},mem-path=${file}`;
  return ["-object", backend, "-machine", "memory-backend=kept"];
}

/** Bytes of the file that keeps a bank of flash. One that is not there, or is empty, is made. Throws InputError. */
function sizeOfFlash(path: string, memory: Region): number {
  try {
    if (!existsSync(path) || (statSync(path).isFile() && statSync(path).size === 0)) writeSparse(path, memory, []);
    return statSync(path).size;
  } catch (error) {
    throw asInputError(error, `${path}: cannot keep the flash of a board`);
  }
}

/** A file with the bytes of a bank of flash, of which the disk stores no more than what is written. */
function writeSparse(path: string, { address, bytes }: Region, chunks: readonly Chunk[]): void {
  const file = openSync(path, "w");
  ftruncateSync(file, bytes);
  for (const chunk of chunks) writeSync(file, chunk.bytes, 0, chunk.bytes.length, chunk.address - address);
  closeSync(file);
}

/** Whether something has come in. Until QEMU has opened the pipe that it writes to, which it does last, the pipe looks closed. */
function hasSpoken(port: Port): boolean {
  try {
    return port.read(0).length > 0;
  } catch {
    return false;
  }
}

/** The port, once QEMU has opened both pipes: until then, one cannot be opened for writing. */
function tryPort(uart: string): Line | undefined {
  try {
    return openPort(`${uart}.out`, `${uart}.in`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO") return undefined;
    throw error;
  }
}

/** A shell that kills a process and removes its folder when this one is gone: its input ends then, whatever ended us. */
function startGuard(pid: number, folder: string) {
  const args = ["-c", 'read _; kill -9 "$0"; rm -rf "$1"', String(pid), folder];
  const guard = spawn("sh", args, { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.on("error", () => {}); // without it, only a killed process leaves its emulator behind
  unref(guard);
  return guard;
}

/** Lets this process end while another one runs. */
function unref(child: ChildProcess): void {
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
}
