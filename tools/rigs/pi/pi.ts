import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../../../host/base/package_root.ts";

// A Raspberry Pi with a 64-bit system, as far as programs see one: its processor in qemu-aarch64, Debian's libraries, and Node, koffi and
// wasmtime as they install there.

/** Processors: of the Raspberry Pi 3, 4 and 5, and one with all that QEMU knows. The last two have dot products (sdot). */
export const CPUS = ["cortex-a53", "cortex-a72", "cortex-a76", "max"] as const;
export type Cpu = (typeof CPUS)[number];

export const NODES = ["node20", "node24"] as const;
export type NodeName = (typeof NODES)[number];

/** Of Debian's packages for cross compilers. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const PACKAGES = "qemu-user libc6-arm64-cross libstdc++6-arm64-cross";

/** Where `npm run pi:install` puts Node and koffi, libwasmtime and the command wasmtime. */
const MODULES = join(packageRoot(), "tools", "rigs", "pi", "node_modules");
const INSTALLER = pathToFileURL(join(packageRoot(), "tools", "scripts", "install_wasmtime.mjs")).href;
const { wasmtimeLibrary, wasmtimeCommand, LIBRARY: PINNED } = await import(INSTALLER);
export const LIBRARY_VERSION: string = PINNED.version;
const LIBRARY: string = wasmtimeLibrary("linux-arm64");
export const WASMTIME: string = wasmtimeCommand("linux-arm64");

/** What is missing to run programs on a Pi. */
export function missingOnPi(): string | undefined {
  const libraries = ["libc.so.6", "libstdc++.so.6"].every((name) => existsSync(join(LIBRARIES, "lib", name)));
  if (!libraries || spawnSync("qemu-aarch64", ["--version"]).error) return `needs Debian's packages ${PACKAGES}`;
  const installed = [MODULES, LIBRARY, WASMTIME].every((path) => existsSync(path));
  return installed ? undefined : "needs Node, koffi and wasmtime for arm64: `npm run pi:install`";
}

/** What starts a program there. */
export function onPi(program: string, args: readonly string[], cpu: Cpu = "cortex-a72"): [string, string[]] {
  return ["qemu-aarch64", ["-cpu", cpu, "-L", LIBRARIES, program, ...args]];
}

export function nodePath(node: NodeName = "node24"): string {
  return join(MODULES, node, "bin", "node");
}

export interface PiOptions {
  /** A Raspberry Pi 4's if not given. */
  cpu?: Cpu;
  node?: NodeName;
}

/** Runs Node there and gives what it printed. Throws where it fails. */
export function nodeOnPi(args: string[], { cpu, node }: PiOptions = {}): string {
  const [program, line] = onPi(nodePath(node), args, cpu);
  const { status, stdout, stderr, error } = spawnSync(program, line, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 300_000,
    // koffi asks Node's own resolver for the library of this machine
    env: { ...process.env, NODE_PATH: MODULES, TERN_WASMTIME: LIBRARY, NO_COLOR: "1" },
  });
  if (status === 0) return stdout;
  throw new Error(`node ${args.join(" ")} on arm64: ${error?.message ?? `code ${status}`}\n${stdout}${stderr}`);
}
