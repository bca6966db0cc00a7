import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { COMMANDS as TABLE } from "../../host/base/builds.mjs";
import { wasmtimeCommand } from "../../tools/scripts/install_wasmtime.mjs";
import { PROJECT } from "../house/project_files.ts";
import { describeUnless } from "../skip.ts";

/** The builds of the command. */
export const COMMANDS = Object.keys(TABLE);

export function commandPath(name: string): string {
  return join(PROJECT, "build", `${name}.wasm`);
}

export interface Ended {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** A runtime with a command line. */
export interface Host {
  name: string;
  /** What starts a command of WASI that sees `folder` as ".", with these arguments. */
  commandLine(wasm: string, folder: string, args: readonly string[]): [program: string, args: string[]];
}

export const nodeWasi: Host = {
  name: "node:wasi",
  commandLine: (wasm, folder, args) => [
    process.execPath,
    ["--no-warnings", join(import.meta.dirname, "node_wasi.mjs"), wasm, folder, ...args],
  ],
};

const WASMTIME: string | undefined = wasmtimeCommand();

export const wasmtime: Host = {
  name: "wasmtime",
  commandLine: (wasm, folder, args) => [WASMTIME!, ["run", "--dir", `${folder}::.`, wasm, ...args]],
};

/** The command wasmtime with options of its own. */
export function wasmtimeWith(...options: string[]): Host {
  return {
    name: `wasmtime ${options.join(" ")}`,
    commandLine: (wasm, _, args) => [WASMTIME!, ["run", ...options, wasm, ...args]],
  };
}

export const noWasmtime =
  WASMTIME && existsSync(WASMTIME) ? undefined : "no command wasmtime (npm run wasmtime-command:install)";

/** A suite that needs the command wasmtime; skipped aloud without it, or failed where TERN_REQUIRE_ALL=1. */
export function describeWasmtime(title: string, suite: () => void): void {
  describeUnless(noWasmtime, title, suite);
}

/** `suite` once per host and build. */
export function describeCommands(title: string, suite: (host: Host, wasm: string) => void): void {
  for (const name of COMMANDS) {
    describe(`${title}: ${name}, node:wasi`, () => suite(nodeWasi, commandPath(name)));
    describeWasmtime(`${title}: ${name}, wasmtime`, () => suite(wasmtime, commandPath(name)));
  }
}

/** Runs a command to its end. */
export function run(host: Host, wasm: string, folder: string, args: readonly string[], input: Uint8Array): Ended {
  const [program, line] = host.commandLine(wasm, folder, args);
  const { status, stdout, stderr } = spawnSync(program, line, { input, maxBuffer: 2 ** 30 });
  return { code: status, stdout, stderr: stderr.toString() };
}

/** Starts a command with pipes at all three ends. */
export function start(host: Host, wasm: string, folder: string, args: readonly string[]): ChildProcess {
  const [program, line] = host.commandLine(wasm, folder, args);
  return spawn(program, line, { stdio: "pipe" });
}
