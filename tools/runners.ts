import { type Engine, EngineError, VARIANTS, type Variant, v8, variantProblem } from "../host/index.ts";
import { createWasmtime, readModule } from "../host/node.ts";

/** A module in an engine. */
export interface Runner {
  engine: Engine;
  variant: Variant;
  module: Uint8Array;
}

export interface Runners {
  /** Every engine that is here, with every variant that it computes right: scalar first. */
  runners: Runner[];
  /** Engines that are not here, and why. */
  missing: string[];
  /** Variants that an engine does not run right, and why. */
  refused: { engine: Engine; variant: Variant; problem: string }[];
}

export async function openRunners(): Promise<Runners> {
  const engines: Engine[] = [v8];
  const missing: string[] = [];
  try {
    engines.push(await createWasmtime());
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    missing.push(`wasmtime: ${error.message}`);
  }
  const runners: Runner[] = [];
  const refused: Runners["refused"] = [];
  for (const engine of engines) {
    for (const variant of VARIANTS.toReversed()) {
      const module = await readModule(variant);
      const problem = await variantProblem(engine, module);
      if (problem === undefined) runners.push({ engine, variant, module });
      else refused.push({ engine, variant, problem: problem.replace(/\n.*/s, "") });
    }
  }
  return { runners, missing, refused };
}
