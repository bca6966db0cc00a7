import { EngineError, load, loadReference, type Session, VARIANTS, v8, variantProblem } from "../host/index.ts";
import { bestModule, createWasmtime, readModule } from "../host/node.ts";
import { countOption } from "./usage.ts";

/** What can run a blob, and where its weights lie meanwhile: words of the command line. */
type EngineName = "v8" | "wasmtime" | "reference";
type WeightsWay = "resident" | "streaming";

const ENGINES: EngineName[] = ["v8", "wasmtime", "reference"];
const WEIGHTS: WeightsWay[] = ["resident", "streaming"];

/** Options of the commands that run a model. */
export const SESSION_ARGS = {
  engine: { type: "enum" as const, options: ENGINES, default: "v8" as const, description: "What runs the model" },
  weights: {
    type: "enum" as const,
    options: WEIGHTS,
    default: "resident" as const,
    description: "Where the weights lie",
  },
};

/** More threads than that help nobody, and each takes 40 MB and more. */
const MAX_WORKERS = 256;

/** Option of the commands that work off many samples. */
export const WORKERS_ARG = {
  workers: { type: "string" as const, valueHint: "N", description: "Threads, else up to one per core" },
};

/** What --workers says. */
export function workersOption(text: string | undefined): number | undefined {
  return countOption("workers", text, MAX_WORKERS);
}

export interface SessionOptions {
  engine: EngineName;
  weights: WeightsWay;
}

export async function openSession(blob: Uint8Array, { engine, weights }: SessionOptions): Promise<Session> {
  if (engine === "reference") return loadReference(blob);
  const runs = engine === "v8" ? v8 : await createWasmtime();
  const { module } = await bestModule(runs);
  return load({ module, blob, engine: runs, weights });
}

/** Every session of a blob that can be had here (engine, variant, weights), by name; and why wasmtime is missing, where it is. */
export async function openAll(blob: Uint8Array): Promise<{ sessions: Record<string, Session>; missing: string[] }> {
  const sessions: Record<string, Session> = { reference: loadReference(blob) };
  const engines = [v8];
  const missing: string[] = [];
  try {
    engines.push(await createWasmtime());
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    missing.push(`wasmtime: ${(error as Error).message}`);
  }
  for (const engine of engines) {
    for (const variant of VARIANTS.toReversed()) {
      const module = await readModule(variant);
      if (await variantProblem(engine, module)) continue;
      for (const weights of WEIGHTS) {
        sessions[`${engine.name} ${variant} ${weights}`] = await load({ module, blob, engine, weights });
      }
    }
  }
  return { sessions, missing };
}
