import type { Engine } from "../host/engines/engine.ts";
import { v8 } from "../host/engines/v8.ts";
import { createWasmtime, type WasmtimeCompiler } from "../host/engines/wasmtime.ts";
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
