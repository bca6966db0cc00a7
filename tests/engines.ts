import type { Engine } from "../host/engines/engine.ts";
import { v8 } from "../host/engines/v8.ts";
import { createWasmtime } from "../host/engines/wasmtime.ts";
import { describeUnless } from "./skip.ts";

interface Row {
  /** The engine, or why it is absent here. */
  engine: Engine | string;
  /** Ends a call that uses more than `fuel`. */
  countsFuel: boolean;
  /** Refuses `memory.grow` past the planned memory. */
  limitsMemory: boolean;
}

/** Every engine: suites loop over it. */
export const ENGINES: Record<string, Row> = {
  v8: { engine: v8, countsFuel: false, limitsMemory: false },
  wasmtime: {
    engine: await createWasmtime().catch((error: Error) => error.message),
    countsFuel: true,
    limitsMemory: true,
  },
};

/** `suite` once per engine. An absent one is skipped aloud, or fails where TERN_REQUIRE_ALL=1. */
export function describeEngines(title: string, suite: (engine: Engine, row: Row) => void): void {
  for (const [name, row] of Object.entries(ENGINES)) {
    const { engine } = row;
    const missing = typeof engine === "string" ? engine : undefined;
    describeUnless(missing, `${title}: ${name}`, () => suite(engine as Engine, row));
  }
}
