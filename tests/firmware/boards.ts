import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Board, boardNames, readBoard } from "../../host/firmware/boards.ts";
import { CORES } from "../../host/firmware/cores.ts";
import { type Device, openDevice } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { CRATES } from "../../host/firmware/make/interpreter.ts";
import { RUNTIMES, runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { deviceModule } from "../../host/node.ts";
import { describeUnless } from "../skip.ts";
import { digitsBlob } from "../tools/tern.ts";
import { moduleNamed } from "../variants.ts";

/** Every board and the runtimes that run on its core: suites loop over it. */
export const BOARDS: { board: Board; runtime: string }[] = boardNames()
  .map(readBoard)
  .flatMap((board) =>
    Object.values(RUNTIMES)
      .filter(({ cores }) => cores.includes(board.core))
      .map(({ name }) => ({ board, runtime: name })),
  );

/** The module of devices under wasm2c. */
export const MODULE = moduleNamed("core");

/** The digits example in tiles so small that it fits every board with every runtime. */
export const digits = await digitsBlob({ target: "cortex-m0:wasm3" });

/** Whether it has room for hardly more than one row of `digits`: an interpreter beside 16 KB of RAM. */
export function isNarrow(board: Board, runtime: string): boolean {
  return runtime !== "wasm2c" && board.ram.bytes < 32 << 10;
}

/** The module that a runtime runs a blob with. */
export async function moduleFor(runtime: string, blob: Uint8Array = digits): Promise<Uint8Array> {
  return (await deviceModule(runtimeNamed(runtime), blob)).module;
}

/** All boards with all runtimes where TERN_DEVICES=all, as `npm run test:devices` says: they take long. */
export const ALL = process.env.TERN_DEVICES === "all";

/**
 * Else each kind of core (an Arm that faults on words at odd addresses, one that does not, RISC-V), and the module compiled and interpreted. What WAMR
 * computes is in the golden digests (tests/same_bits), and how it traps in runtimes/interpreters.test.ts.
 */
const SHARE: Record<string, string> = { microbit: "wasm2c", netduinoplus2: "wasm3", sifive_e: "wasm2c" };

/** The boards that suites run on, if they name no others. */
export const CHOSEN = ALL ? boardNames() : Object.keys(SHARE);

/**
 * `suite` once per board and runtime: on the boards of a share with its runtimes, or all with all. `only` these boards, with `runtimes`, where a suite
 * needs no more. Where a compiler or the emulator is absent, it is skipped aloud, or fails where TERN_REQUIRE_ALL=1.
 */
export function describeBoards(
  title: string,
  suite: (board: Board, runtime: string) => void,
  only: string[] = CHOSEN,
  runtimes?: string[],
): void {
  const isChosen = ({ board, runtime }: (typeof BOARDS)[number]) =>
    only.includes(board.name) &&
    (runtimes ? runtimes.includes(runtime) : ALL || runtime === (SHARE[board.name] ?? "wasm2c"));
  const chosen = BOARDS.filter(isChosen);
  for (const { board, runtime } of chosen) {
    describeUnless(missingFor(board, runtime), `${title}: ${board.name}, ${runtime}`, () => suite(board, runtime));
  }
}

/** What is missing to build and run a board's firmware. */
export function missingFor(board: Board, runtime = "wasm2c"): string | undefined {
  const { interpreter } = runtimeNamed(runtime);
  if (interpreter && !existsSync(join(CRATES, interpreter.crate)))
    return `needs the sources of ${interpreter.crate}: \`npm run runtimes:install\``;
  const programs = [`${CORES[board.core].tools}gcc`, `qemu-system-${board.qemu!.system}`];
  const missing = programs.filter((program) => spawnSync(program, ["--version"]).error);
  return missing.length > 0 ? `needs ${missing.join(" and ")}` : undefined;
}

export interface StartOptions {
  /** The one that runs `digits`, if not said. */
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
  const { module = await moduleFor(runtime), defines = [], timeoutMs } = options;
  const { elf } = await buildImage(board, runtimeNamed(runtime), module, { defines });
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
