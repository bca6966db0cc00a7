import { COMMANDS, HOST_VARIANTS } from "../host/base/builds.mjs";
import type { Engine } from "../host/engines/engine.ts";
import { v8 } from "../host/engines/v8.ts";
import { createWasmtime, type WasmtimeCompiler } from "../host/engines/wasmtime.ts";
import { runtimeNamed } from "../host/firmware/make/runtimes.ts";
import type { Host } from "./same_bits/hosts.ts";
import { describeUnless } from "./skip.ts";

export interface Row {
  /** The engine, or why it is absent here. */
  engine: Engine | string;
  /** Ends a call that uses more than `fuel`. */
  countsFuel: boolean;
  /** Refuses `memory.grow` past the planned memory. */
  limitsMemory: boolean;
}

/** The engines that suites loop over. */
export const ENGINES: Record<string, Row> = {
  v8: { engine: v8, countsFuel: false, limitsMemory: false },
  wasmtime: await wasmtime("cranelift"),
};

/** wasmtime with what else it compiles with: only the suite of engines and the golden digests run in these. */
export const COMPILERS: Record<string, Row> = {
  "wasmtime:winch": await wasmtime("winch"),
  "wasmtime:pulley": await wasmtime("pulley"),
};

async function wasmtime(compiler: WasmtimeCompiler): Promise<Row> {
  const engine = await createWasmtime({ compiler }).catch((error: Error) => error.message);
  return { engine, countsFuel: true, limitsMemory: true };
}

/** `suite` once per engine. An absent one is skipped aloud, or fails where TERN_REQUIRE_ALL=1. */
export function describeEngines(title: string, suite: (engine: Engine, row: Row) => void, engines = ENGINES): void {
  for (const [name, row] of Object.entries(engines)) {
    const { engine } = row;
    const missing = typeof engine === "string" ? engine : undefined;
    describeUnless(missing, `${title}: ${name}`, () => suite(engine as Engine, row));
  }
}

/** Machines that places are on, each of which has a file of tests for golden digests, so that they run beside one another. */
export type Machine = "x86-64" | "arm64" | "board";

/** A place where blobs run, for golden digests: tests/same_bits compares them in all of these and writes the table of docs/same_bits.md. */
export interface Place {
  machine: Machine;
  /** What the page calls it. */
  title: string;
  /** Which modules run there, and where their weights lie. */
  runs: string;
  /** It is an emulator, an interpreter, or a process per case: `npm test` takes few cases there, `npm run test:engines` all. */
  isSlow?: boolean;
  /** It takes so long that only `npm run test:engines` runs it. */
  isVerySlow?: boolean;
  /** In a file of its own, which suites that only loop over engines do not load. */
  host: () => Promise<Host>;
}

const hosts = () => import("./same_bits/hosts.ts");
const ALL_WAYS = `${HOST_VARIANTS.toReversed().join(", ")}; weights resident and streamed`;

/** The places, by name. */
export const PLACES: Record<string, Place> = {
  reference: {
    machine: "x86-64",
    title: "the reference",
    runs: "plain loops in TypeScript",
    host: async () => (await hosts()).reference,
  },
  v8: place("V8 of Node 20 and 24, x86-64", `${ALL_WAYS} (relaxed: Node 24)`, "v8"),
  wasmtime: place("wasmtime 50, x86-64", ALL_WAYS, "wasmtime"),
  "wasmtime:winch": place("wasmtime with Winch, x86-64", ALL_WAYS.replace(", relaxed", ""), "wasmtime:winch"),
  "wasmtime:pulley": { ...place("wasmtime's interpreter Pulley", ALL_WAYS, "wasmtime:pulley"), isSlow: true },
  "node:wasi": inWasi("node:wasi, x86-64", "inNode"),
  "wasmtime run": inWasi("the command `wasmtime run` (49), x86-64", "inWasmtime"),
  "wazero run": inWasi("the command `wazero run` (1.9), x86-64", "inWazero"),
  "v8 on arm64": onPi("V8 of Node 24, arm64", "v8"),
  "wasmtime on arm64": onPi("wasmtime 50, arm64", "wasmtime"),
  "node:wasi on arm64": { ...inWasi("node:wasi of Node 24, arm64", "inNodeOnPi"), isVerySlow: true },
  "wasmtime run on arm64": inWasi("the command `wasmtime run` (49), arm64", "inWasmtimeOnPi"),
  "microbit:wasm2c": onBoard("microbit", "Cortex-M0", "wasm2c"),
  "lm3s6965evb:wasm2c": onBoard("lm3s6965evb", "Cortex-M3", "wasm2c"),
  "netduinoplus2:wasm2c": onBoard("netduinoplus2", "Cortex-M4", "wasm2c"),
  "mps2-an500:wasm2c": onBoard("mps2-an500", "Cortex-M7", "wasm2c"),
  "sifive_e:wasm2c": onBoard("sifive_e", "RV32IMAC", "wasm2c"),
  "microbit:wasm3": onBoard("microbit", "Cortex-M0", "wasm3"),
  "lm3s6965evb:wasm3": onBoard("lm3s6965evb", "Cortex-M3", "wasm3"),
  "netduinoplus2:wasm3": onBoard("netduinoplus2", "Cortex-M4", "wasm3"),
  "mps2-an500:wasm3": onBoard("mps2-an500", "Cortex-M7", "wasm3"),
  "netduinoplus2:wamr": onBoard("netduinoplus2", "Cortex-M4", "wamr"),
};

function place(title: string, runs: string, name: string): Place {
  const row = { ...ENGINES, ...COMPILERS }[name]!;
  return { machine: "x86-64", title, runs, host: async () => (await hosts()).here(name, row) };
}

function onPi(title: string, engine: string): Place {
  return { machine: "arm64", title, runs: ALL_WAYS, isVerySlow: true, host: async () => (await hosts()).onPi(engine) };
}

function inWasi(title: string, host: "inNode" | "inWasmtime" | "inWazero" | "inNodeOnPi" | "inWasmtimeOnPi"): Place {
  const runs = `${Object.keys(COMMANDS).join(", ")}; weights in memory`;
  const machine = host.endsWith("OnPi") ? "arm64" : "x86-64";
  return { machine, title, runs, isSlow: true, host: async () => (await import("./same_bits/wasi.ts"))[host]() };
}

function onBoard(board: string, core: string, runtime: string): Place {
  const runs = `${runtimeNamed(runtime).modules.join(", ")}; weights in flash`;
  const host = async () => (await hosts()).onBoard(board, runtime);
  return { machine: "board", title: `${runtime} on ${core} (${board})`, runs, isSlow: true, host };
}
