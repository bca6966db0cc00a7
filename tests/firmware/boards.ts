import { spawnSync } from "node:child_process";
import { type Device, openDevice } from "../../host/engines/device.ts";
import { type Board, boardNames, readBoard } from "../../host/firmware/boards.ts";
import { buildImage } from "../../host/firmware/build.ts";
import { CORES } from "../../host/firmware/cores.ts";
import { startEmulator } from "../../host/firmware/emulator.ts";
import { RUNTIMES, runtimeNamed } from "../../host/firmware/runtimes.ts";
import { describeUnless } from "../skip.ts";
import { moduleNamed } from "../variants.ts";

/** Every board and the runtimes that it is tested with: suites loop over it. */
export const BOARDS: { board: Board; runtime: string }[] = boardNames().flatMap((name) =>
  Object.keys(RUNTIMES).map((runtime) => ({ board: readBoard(name), runtime })),
);

/** The module of devices. */
export const MODULE = moduleNamed("device");

/** A board of each kind of core; the others only where TERN_DEVICES=all, as `npm run test:devices` says: they take long. */
const KINDS = ["microbit", "netduinoplus2", "sifive_e"];
export const ALL = process.env.TERN_DEVICES === "all";

/** `suite` on some boards: of each kind of core, or all. */
export function describeKinds(title: string, suite: (board: Board, runtime: string) => void): void {
  describeBoards(title, suite, ALL ? undefined : KINDS);
}

/** `suite` once per board and runtime. Where a compiler or the emulator is absent, it is skipped aloud, or fails where TERN_REQUIRE_ALL=1. */
export function describeBoards(
  title: string,
  suite: (board: Board, runtime: string) => void,
  only: string[] = boardNames(),
): void {
  for (const { board, runtime } of BOARDS.filter(({ board }) => only.includes(board.name))) {
    describeUnless(missingFor(board), `${title}: ${board.name}, ${runtime}`, () => suite(board, runtime));
  }
}

/** What is missing to build and run a board's firmware. */
export function missingFor(board: Board): string | undefined {
  const programs = [`${CORES[board.core].tools}gcc`, `qemu-system-${board.qemu!.system}`];
  const missing = programs.filter((program) => spawnSync(program, ["--version"]).error);
  return missing.length > 0 ? `needs ${missing.join(" and ")}` : undefined;
}

export interface StartOptions {
  module?: Uint8Array;
  defines?: string[];
  timeoutMs?: number;
}

/** A board in its emulator with `flash` where the blob goes. The caller closes it. */
export async function startBoard(
  board: Board,
  runtime: string,
  flash: Uint8Array,
  options: StartOptions = {},
): Promise<Device> {
  const { module = MODULE, defines = [], timeoutMs } = options;
  const { elf } = await buildImage(board, runtimeNamed(runtime), module, defines);
  return openDevice(await startEmulator(board, elf, flash), timeoutMs === undefined ? {} : { timeoutMs });
}

/** What `run` throws. */
export function failureOf(run: () => unknown): { kind: string; message: string } {
  try {
    run();
  } catch (error) {
    const { kind, message } = error as { kind: string; message: string };
    return { kind, message };
  }
  throw new Error("did not fail");
}
