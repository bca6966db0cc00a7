import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "../../base/crc32.ts";
import { EngineError } from "../../base/errors.ts";
import { hex } from "../../base/printable.ts";
import type { Board } from "../boards.ts";
import { CORES } from "../cores.ts";
import { FIRMWARE } from "../folder.ts";
import { layoutWords } from "../slots/layout.ts";
import { inComment } from "./comment.ts";
import { type InterpreterParts, interpreterParts } from "./interpreter.ts";
import { linkerScript } from "./linker_script.ts";
import type { Runtime } from "./runtimes.ts";
import type { Source } from "./source.ts";
import { exportsOf, translateUpdate } from "./wasm2c.ts";

/** A C project in one folder: its files by name, and how they are compiled and linked. */
export interface Project {
  files: Record<string, string>;
  /** Names of those files that kept sources are, or include. */
  keptFiles: string[];
  /** Sources of ours, generated ones, and flags of each. */
  sources: Source[];
  link: string[];
}

/** The library: what a firmware that exists already takes. */
export const LIBRARY = ["library/tern.h", "library/tern.c", "library/blob.h", "library/crc32.h", "library/crc32.c"];
const RUNTIME = ["runtimes/runtime.h"];
const DEVICE = [
  ...["device/device.h", "device/device.c", "device/frame.h", "device/frame.c"],
  ...["device/arch.h", "device/start.c", "device/stack.c", "device/uart.h", "device/memory.c"],
];
const SLOTS = ["device/slots.h", "device/slots.c", "device/flash.h"];

/** For size: our own code. For speed: the module's, which is where the time goes. No warning is worth a look in what wasm2c wrote. */
const OURS = ["-std=gnu99", "-Os", "-fno-tree-dominator-opts", "-Wall", "-Wextra", "-Werror"];
/**
 * What -O2 does to kernels that costs instructions: moving additions out of addresses, where a load has room for them, into registers, of
 * which there are few. What it does to the rest that costs flash, 700 bytes of 12,300, and saves nothing.
 */
export const GENERATED = [
  ...["-std=gnu99", "-O2", "-w", "-DNDEBUG", "-ffp-contract=off"],
  ...["-fno-tree-pre", "-fno-tree-reassoc"],
  ...[
    "-fno-ipa-sra",
    "--param=max-inline-insns-auto=10",
    "-freorder-blocks-algorithm=simple",
    "-fno-tree-dominator-opts",
  ],
];

/** Of the library with an interpreter: what cores tell apart is speed alone, and WAMR runs on this one. */
const LIBRARY_CORE = "cortex-m4";

/** The library with a runtime: sources for any build system. */
export async function libraryProject(runtime: Runtime, module: Uint8Array): Promise<Project> {
  const { interpreter } = runtime;
  const own = [...LIBRARY, ...RUNTIME, ...runtime.sources];
  const parts = interpreter && interpreterParts(interpreter, LIBRARY_CORE, module);
  return projectOf(own, await runtime.generate(module), { parts });
}

/** A whole firmware for a board, without a blob; with update.wasm, one with slots. */
export async function boardProject(
  board: Board,
  runtime: Runtime,
  module: Uint8Array,
  update?: Uint8Array,
): Promise<Project> {
  const { arch, generated: more } = CORES[board.core];
  if (!runtime.cores.includes(board.core)) {
    const known = runtime.cores.join(", ");
    throw new EngineError("missing", `${runtime.name} on ${board.name}: its core is ${board.core}, expected ${known}`);
  }
  const { interpreter, stackBytes } = runtime;
  const own = [
    ...[...LIBRARY, ...RUNTIME, ...runtime.sources, ...DEVICE],
    ...[`arch/${arch}.c`, `uarts/${board.uart.kind}.c`],
    ...(update ? [...SLOTS, `flashes/${slotsOf(board).flash}.c`] : []),
  ];
  const generated = {
    ...(await runtime.generate(module)),
    "board.h": boardHeader(board, runtime, module, update !== undefined),
    "link.ld": linkerScript(board, stackBytes(module)),
  };
  const parts = interpreter && interpreterParts(interpreter, board.core, module);
  const updateParts = update && (await updateFiles(update));
  return projectOf(own, generated, { more, parts, updateParts, link: interpreter?.link });
}

/** Where a board keeps models. Throws EngineError where its file does not say. */
export function slotsOf({ name, slots }: Board): NonNullable<Board["slots"]> {
  if (slots) return slots;
  throw new EngineError("missing", `${name} keeps no models in slots: its file has no "slots"`);
}

/** update.wasm as C: for size, since it waits for flash. */
async function updateFiles(update: Uint8Array): Promise<InterpreterParts> {
  const files = await translateUpdate(update);
  const flags = ["-std=gnu99", "-Os", "-w", "-DNDEBUG"];
  return { files, sources: [{ file: "update_wasm2c.c", flags }] };
}

/** What else a project has: flags for generated C, an interpreter. */
interface Parts {
  more?: string[];
  parts?: InterpreterParts | undefined;
  updateParts?: InterpreterParts | undefined;
  link?: string[] | undefined;
}

function projectOf(
  own: string[],
  generated: Record<string, string>,
  { more = [], parts = { files: {}, sources: [] }, updateParts = { files: {}, sources: [] }, link = [] }: Parts = {},
): Project {
  const copies = own.map((path) => [basename(path), readFileSync(join(FIRMWARE, path), "utf8")]);
  const sources: Source[] = [
    ...own.map((path) => ({ file: basename(path), flags: OURS })),
    ...Object.keys(generated).map((file) => ({ file, flags: [...GENERATED, ...more] })),
  ];
  return {
    files: { ...Object.fromEntries(copies), ...parts.files, ...updateParts.files, ...generated },
    keptFiles: Object.keys(parts.files),
    sources: [...sources.filter(({ file }) => /\.[cS]$/.test(file)), ...updateParts.sources, ...parts.sources],
    link,
  };
}

/** board.h: the numbers of a board that its C needs. */
function boardHeader(board: Board, runtime: Runtime, module: Uint8Array, hasSlots: boolean): string {
  const { uart, blob, setup } = board;
  const numbers = {
    BLOB_ADDRESS: hex(blob.address),
    BLOB_BYTES: hex(blob.bytes),
    STACK_BYTES: runtime.stackBytes(module),
    MODULE_BYTES: module.length,
    MODULE_CRC: hex(crc32(module)),
    UART_ADDRESS: hex(uart.address),
    UART_INTERRUPT: uart.interrupt,
    UART_CLOCK: uart.clock,
    UART_BAUD: uart.baud,
    ...(uart.tx !== undefined && { UART_TX_PIN: uart.tx }),
    ...(uart.rx !== undefined && { UART_RX_PIN: uart.rx }),
  };
  const writes = setup.map(([address, value, why]) => `  /* ${inComment(why)} */ {${hex(address)}u, ${hex(value)}u},`);
  return [
    `/* ${inComment(board.about)}. */`,
    "#ifndef BOARD_H",
    "#define BOARD_H",
    "",
    `#define BOARD_NAME "${board.name}"`,
    `#define RUNTIME_NAME "${runtime.name}"`,
    ...Object.entries(numbers).map(([name, value]) => `#define ${name} ${value}u`),
    ...(hasSlots ? slotNumbers(slotsOf(board), module) : []),
    ...(writes.length > 0 ? ["#define BOARD_SETUP \\", ...writes.map((line) => `${line} \\`), ""] : []),
    "",
    "#endif",
    "",
  ].join("\n");
}

/** The layout of slots, and what the module says of itself. */
function slotNumbers(layout: NonNullable<Board["slots"]>, module: Uint8Array): string[] {
  const { abi_version, features } = exportsOf(module);
  const [sectorBytes, ...others] = new Set([layout.recordSectorBytes, ...layout.slots.map((slot) => slot.sectorBytes)]);
  const words = (values: number[]) => values.map((value) => `${hex(value >>> 0)}u`).join(", ");
  return [
    `#define SLOTS ${words(layoutWords(layout))}`,
    `#define SLOTS_UNIT_BYTES ${layout.unitBytes}u`,
    `#define SLOTS_ERASED ${layout.erased}u`,
    ...(others.length > 0 ? [] : [`#define SLOTS_SECTOR_BYTES ${sectorBytes}u`]),
    `#define MODULE_ABI ${abi_version!()}u`,
    `#define MODULE_FEATURES ${words([0, 1, 2, 3].map((word) => features!(word)))}`,
  ];
}
