import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBlob } from "../../host/blob/read.ts";
import type { Program } from "../../host/program.ts";
import { decodeRow } from "../../host/run/backend.ts";
import { elementBytes, elementCount } from "../../host/shape.ts";
import { missingOnPi, nodePath, onPi, WASMTIME } from "../../tools/rigs/pi/pi.ts";
import { PROJECT } from "../house/project_files.ts";
import { COMMANDS, commandPath, nodeWasi, noWasmtime, run, type Host as WasiHost, wasmtime } from "../wasi/hosts.ts";
import { samplesOf } from "../wasi/rows.ts";
import type { Case } from "./cases.ts";
import { digestOf } from "./digest.ts";
import type { Host } from "./hosts.ts";

// tern-cli.wasm and tern-cli-simd.wasm, the commands of WASI, in runtimes that have a command line.

/** wazero's own command line, built from the Go module that docs/embedding.md uses. */
const WAZERO = join(PROJECT, ".cache", "wazero");

const wazero: WasiHost = {
  name: "wazero",
  commandLine: (wasm, folder, args) => [WAZERO, ["run", `-mount=${folder}:/`, wasm, ...args]],
};

/** Why there is no wazero, after a try to build it. */
function missingWazero(): string | undefined {
  if (existsSync(WAZERO)) return undefined;
  const args = ["build", "-o", WAZERO, "github.com/tetratelabs/wazero/cmd/wazero"];
  const cwd = join(PROJECT, "tests", "docs", "go");
  const { status, error, stderr } = spawnSync("go", args, { cwd, encoding: "utf8" });
  return status === 0 ? undefined : `needs Go >= 1.22 and its proxy, for wazero: ${error?.message ?? stderr}`;
}

/** A runtime as it runs on an emulated Raspberry Pi. */
function there(host: WasiHost, program: string): WasiHost {
  return {
    name: `${host.name} on arm64`,
    commandLine: (wasm, folder, args) => onPi(program, host.commandLine(wasm, folder, args)[1]),
  };
}

export function inNode(): Host {
  return hostOf(nodeWasi, undefined);
}

export function inWasmtime(): Host {
  return hostOf(wasmtime, noWasmtime);
}

export function inWazero(): Host {
  return hostOf(wazero, missingWazero());
}

export function inNodeOnPi(): Host {
  return hostOf(there(nodeWasi, nodePath()), missingOnPi());
}

export function inWasmtimeOnPi(): Host {
  return hostOf(there(wasmtime, WASMTIME), missingOnPi());
}

function hostOf(host: WasiHost, missing: string | undefined): Host {
  return {
    missing,
    async run(cases) {
      const folder = mkdtempSync(join(tmpdir(), "tern-same-bits-"));
      try {
        return Object.fromEntries(COMMANDS.map((command) => [command, digestsFrom(host, command, folder, cases)]));
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}

function digestsFrom(host: WasiHost, command: string, folder: string, cases: Case[]): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const { name, blob, inputs } of cases) {
    writeFileSync(join(folder, "model.tern"), blob);
    const program = readBlob(blob);
    const rows = inputs[0]!.length / elementCount(program.tensors[program.inputs[0]!]!);
    const samples = samplesOf(program, inputs, rows);
    const { code, stdout, stderr } = run(host, commandPath(command), folder, ["model.tern"], samples);
    if (code !== 0) throw new Error(`${command} in ${host.name}, ${name}: code ${code}, ${stderr}`);
    digests[name] = digestOf(outputsOf(program, stdout, rows));
  }
  return digests;
}

/** What a command has written: a row of each output, sample after sample. */
function outputsOf({ outputs, tensors }: Program, bytes: Uint8Array, rows: number): { elements: Int32Array }[] {
  const ports = outputs.map((index) => tensors[index]!);
  const found = ports.map((tensor) => ({ elements: new Int32Array(rows * elementCount(tensor)) }));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    ports.forEach((tensor, i) => {
      const end = at + elementBytes(tensor);
      decodeRow(bytes.subarray(at, end), tensor, found[i]!.elements, row * elementCount(tensor));
      at = end;
    });
  }
  return found;
}
