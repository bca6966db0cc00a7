import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "../crc32.ts";
import type { Board } from "./boards.ts";
import { CORES } from "./cores.ts";
import { FIRMWARE } from "./folder.ts";
import { hex, linkerScript } from "./linker_script.ts";
import type { Runtime } from "./runtimes.ts";

/** A C project in one folder: its files by name, and how they are compiled. */
export interface Project {
  files: Record<string, string>;
  /** Sources of ours, generated ones, and flags of each. */
  sources: { file: string; flags: string[] }[];
}

/** The library: what a firmware that exists already takes. */
export const LIBRARY = ["library/tern.h", "library/tern.c", "library/blob.h", "library/crc32.h", "library/crc32.c"];
const RUNTIME = ["runtimes/runtime.h"];
const DEVICE = [
  ...["device/device.h", "device/device.c", "device/frame.h", "device/frame.c"],
  ...["device/arch.h", "device/start.c", "device/uart.h", "device/memory.c"],
];

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

/** The library with a runtime: sources for any build system. */
export async function libraryProject(runtime: Runtime, module: Uint8Array): Promise<Project> {
  const own = [...LIBRARY, ...RUNTIME, ...runtime.sources];
  return projectOf(own, await runtime.generate(module));
}

/** A whole firmware for a board, without a blob. */
export async function boardProject(board: Board, runtime: Runtime, module: Uint8Array): Promise<Project> {
  const { arch, generated } = CORES[board.core];
  const own = [
    ...[...LIBRARY, ...RUNTIME, ...runtime.sources, ...DEVICE],
    ...[`arch/${arch}.c`, `uarts/${board.uart.kind}.c`],
  ];
  return projectOf(
    own,
    {
      ...(await runtime.generate(module)),
      "board.h": boardHeader(board, runtime, module),
      "link.ld": linkerScript(board, runtime.stackBytes),
    },
    generated,
  );
}

function projectOf(own: string[], generated: Record<string, string>, more: string[] = []): Project {
  const copies = own.map((path) => [basename(path), readFileSync(join(FIRMWARE, path), "utf8")]);
  const isSource = (name: string) => name.endsWith(".c");
  return {
    files: { ...Object.fromEntries(copies), ...generated },
    sources: [
      ...own.map((path) => basename(path)).map((file) => ({ file, flags: OURS })),
      ...Object.keys(generated).map((file) => ({ file, flags: [...GENERATED, ...more] })),
    ].filter(({ file }) => isSource(file)),
  };
}

/** board.h: the numbers of a board that its C needs. */
function boardHeader(board: Board, runtime: Runtime, module: Uint8Array): string {
  const { uart, blob, setup } = board;
  const numbers = {
    BLOB_ADDRESS: hex(blob.address),
    BLOB_BYTES: hex(blob.bytes),
    STACK_BYTES: runtime.stackBytes,
    MODULE_BYTES: module.length,
    MODULE_CRC: hex(crc32(module)),
    UART_ADDRESS: hex(uart.address),
    UART_INTERRUPT: uart.interrupt,
    UART_CLOCK: uart.clock,
    UART_BAUD: uart.baud,
    ...(uart.tx !== undefined && { UART_TX_PIN: uart.tx }),
    ...(uart.rx !== undefined && { UART_RX_PIN: uart.rx }),
  };
  const writes = setup.map(([address, value, why]) => `  /* ${why} */ {${hex(address)}u, ${hex(value)}u},`);
  return [
    `/* ${board.about}. */`,
    "#ifndef BOARD_H",
    "#define BOARD_H",
    "",
    `#define BOARD_NAME "${board.name}"`,
    `#define RUNTIME_NAME "${runtime.name}"`,
    ...Object.entries(numbers).map(([name, value]) => `#define ${name} ${value}u`),
    ...(writes.length > 0 ? ["#define BOARD_SETUP \\", ...writes.map((line) => `${line} \\`), ""] : []),
    "",
    "#endif",
    "",
  ].join("\n");
}
