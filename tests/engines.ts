import { describe, it } from "vitest";
import type { Engine } from "../host/engines/engine.ts";
import { v8 } from "../host/engines/v8.ts";
import { createWasmtime } from "../host/engines/wasmtime.ts";

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
    describe(`${title}: ${name}`, () => {
      if (typeof engine !== "string") return suite(engine, row);
      if (process.env.TERN_REQUIRE_ALL === "1") {
        it("is here", () => {
          throw new Error(engine);
        });
      } else {
        console.warn(`SKIPPED ${title}: ${name}: ${engine}`);
        it.skip(`all of it (${engine})`, () => {});
      }
    });
  }
}
