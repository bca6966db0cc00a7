import { createHash } from "node:crypto";
import type { Engine } from "../../host/engines/engine.ts";
import type { WasmtimeEngine, WasmtimeInstance } from "../../host/engines/wasmtime.ts";
import { type InputRows, load, type Output, type Session } from "../../host/run/session.ts";
import type { Variant } from "../../host/run/variant.ts";

/** sha256 of what a model answers: the elements of each output, as the module left them, (rows, channels), i32, little-endian. */
export function digestOf(outputs: Pick<Output, "elements">[]): string {
  const hash = createHash("sha256");
  for (const { elements } of outputs) hash.update(elements);
  return hash.digest("hex");
}

/** The same of each session, by its name. */
export function digestsOf(sessions: Record<string, Session>, inputs: InputRows[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sessions).map(([name, session]) => [name, digestOf(session.run(inputs))] as const),
  );
}

/** More than any inference here takes. */
const FUEL = 1e12;

/** wasmtime's fuel for all layers on one row: instructions, but for those that structure code (wasmtime.ts). */
export async function fuelOf(
  wasmtime: WasmtimeEngine,
  model: { variant: Variant; module: Uint8Array; blob: Uint8Array },
  inputs: InputRows[],
): Promise<number> {
  let last: WasmtimeInstance | undefined;
  const engine: Engine = {
    ...wasmtime,
    async instantiate(wasm, options) {
      last = await wasmtime.instantiate(wasm, options);
      return last;
    },
  };
  const session = await load({ ...model, engine, maxRows: 1, fuel: FUEL });
  session.run(inputs);
  const used = FUEL - last!.fuelLeft();
  session.dispose();
  return used;
}
