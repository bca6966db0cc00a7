import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
// @ts-expect-error: JavaScript, which runs before anything is compiled
import { wasmtimeCommand, wasmtimeLibrary } from "../../tools/scripts/install_wasmtime.mjs";
import { PROJECT } from "../house/project_files.ts";
import type { Case } from "../same_bits/cases.ts";
import type { Work } from "./worker.ts";

// A Raspberry Pi with a 64-bit system, as far as our programs see one: its processor in qemu-aarch64, Debian's libraries, and Node, koffi and
// libwasmtime as they install there.

/** Processors: the Raspberry Pi's 3, 4 and 5, and one with all that QEMU knows. Only the last two have dot products (sdot). */
export const CPUS = ["cortex-a53", "cortex-a72", "cortex-a76", "max"] as const;
export type Cpu = (typeof CPUS)[number];

export const NODES = ["node20", "node24"] as const;
export type NodeName = (typeof NODES)[number];

/** Of Debian's packages for cross compilers: libc6-arm64-cross, libstdc++6-arm64-cross. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const PACKAGES = "qemu-user libc6-arm64-cross libstdc++6-arm64-cross";

/** Where `npm run pi:install` puts Node and koffi, libwasmtime and the command wasmtime. */
const MODULES = join(PROJECT, "tests", "pi", "node_modules");
const WASMTIME: string = wasmtimeLibrary("linux-arm64");
export const COMMAND: string = wasmtimeCommand("linux-arm64");

/** What is missing to run programs on a Pi. */
export function missingOnPi(): string | undefined {
  const libraries = ["libc.so.6", "libstdc++.so.6"].every((name) => existsSync(join(LIBRARIES, "lib", name)));
  if (!libraries || spawnSync("qemu-aarch64", ["--version"]).error) return `needs Debian's packages ${PACKAGES}`;
  const installed = [MODULES, WASMTIME, COMMAND].every((path) => existsSync(path));
  return installed ? undefined : "needs Node, koffi and wasmtime for arm64: `npm run pi:install`";
}

export interface PiOptions {
  /** A Raspberry Pi 4's if not given. */
  cpu?: Cpu;
  node?: NodeName;
}

/** The line that starts a program there. */
export function onPi(program: string, args: readonly string[], cpu: Cpu = "cortex-a72"): [string, string[]] {
  return ["qemu-aarch64", ["-cpu", cpu, "-L", LIBRARIES, program, ...args]];
}

export function nodePath(node: NodeName = "node24"): string {
  return join(MODULES, node, "bin", "node");
}

/** Runs Node there and gives what it printed. Throws where it fails. */
export function nodeOnPi(args: string[], { cpu, node }: PiOptions = {}): string {
  const [program, line] = onPi(nodePath(node), args, cpu);
  const { status, stdout, stderr, error } = spawnSync(program, line, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 300_000,
    // koffi asks its own resolver for the library of this machine
    env: { ...process.env, NODE_PATH: MODULES, TERN_WASMTIME: WASMTIME, NO_COLOR: "1" },
  });
  if (status === 0) return stdout;
  throw new Error(`node ${args.join(" ")} on ${cpu}: ${error?.message ?? `code ${status}`}\n${stdout}${stderr}`);
}

/** Cases in one process: the emulator keeps tens of megabytes for every memory that an engine has ever reserved. */
const CASES = 5;

/** What the worker finds about models there. */
export function workOnPi(cases: Case[], options: PiOptions = {}): Work {
  const all: Work = { digests: {}, fuel: {} };
  for (let first = 0; first < cases.length; first += CASES) {
    const { digests, fuel } = workOnFew(cases.slice(first, first + CASES), options);
    for (const [session, found] of Object.entries(digests))
      all.digests[session] = { ...all.digests[session], ...found };
    Object.assign(all.fuel, fuel);
  }
  return all;
}

function workOnFew(cases: Case[], options: PiOptions): Work {
  const folder = mkdtempSync(join(tmpdir(), "tern-pi-"));
  // in the project, where it finds modules and packages
  const worker = join(PROJECT, ".cache", `pi_worker_${process.pid}.mjs`);
  try {
    buildSync({
      entryPoints: [join(import.meta.dirname, "worker.ts")],
      outfile: worker,
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
    });
    const jobs = cases.map(({ name, blob, inputs }, i) => {
      const [blobFile, ...inputFiles] = [blob, ...inputs].map((bytes, part) => {
        const path = join(folder, `${i}.${part}`);
        writeFileSync(path, bytes);
        return path;
      });
      return { name, blob: blobFile!, inputs: inputFiles };
    });
    writeFileSync(join(folder, "jobs.json"), JSON.stringify(jobs));
    return JSON.parse(nodeOnPi([worker, join(folder, "jobs.json")], options));
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(worker, { force: true });
  }
}
