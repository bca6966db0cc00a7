import { MAX_OPERATIONS } from "../../host/base/limits.ts";
import { boardNames } from "../../host/firmware/boards.ts";
import { EngineError, load, loadReference, type Session, v8 } from "../../host/index.ts";
import { bestModule, createWasmtime, openOnDevice } from "../../host/node.ts";
import { openRunners, type Runner } from "../runners.ts";
import { countOption, UsageError } from "./usage.ts";

/** What can run a blob, and where its weights lie meanwhile: words of the command line. */
type WeightsWay = "resident" | "streaming";

const ENGINES = ["v8", "wasmtime", "reference"];
const DEVICE = "device:";
export const WEIGHTS: WeightsWay[] = ["resident", "streaming"];

/** What --engine takes; a device may be a serial port, too. */
const ENGINE_VALUES = [...ENGINES, ...boardNames().map((name) => `${DEVICE}${name}`)];

/** The option of the commands that one engine runs. "device:microbit:wasm2c" is a board with a runtime, "device:/dev/ttyACM0" a serial port: openOnDevice. */
export const ENGINE_ARG = {
  type: "string" as const,
  valueHint: "E",
  values: ENGINE_VALUES,
  description: "What runs it; a board is emulated, or at a serial port: device:/dev/ttyACM0",
};

/** Option of the commands that run models, or show them. */
export const WORK_ARG = {
  "limit-work": {
    type: "string" as const,
    valueHint: "N",
    description: `Millions of operations a row may take, else ${MAX_OPERATIONS / 1e6}`,
  },
};

/** What --limit-work says, in operations. */
export function workOption(text: string | undefined): number | undefined {
  const millions = countOption("limit-work", text);
  return millions === undefined ? undefined : millions * 1e6;
}

/** Options of the commands that run a model. */
export const SESSION_ARGS = {
  engine: { ...ENGINE_ARG, default: "v8" as const },
  weights: {
    type: "enum" as const,
    options: WEIGHTS,
    default: "resident" as const,
    description: "Where the weights lie",
  },
  ...WORK_ARG,
};

/** More threads than that help nobody, and each takes 40 MB and more. */
const MAX_WORKERS = 256;

/** Option of the commands that work off many samples. */
export const WORKERS_ARG = {
  workers: { type: "string" as const, valueHint: "N", description: "Threads, else up to one per core" },
};

/** What --workers says. */
export function workersOption(text: string | undefined, engine = ""): number | undefined {
  return countOption("workers", text, MAX_WORKERS) ?? (isDevice(engine) ? 1 : undefined); // a serial port has one end
}

export interface SessionOptions {
  /** As the command line says it. */
  engine: string;
  weights: WeightsWay;
  /** Operations that a row may take (host/run/work.ts). Boards have no such limit: they are nobody's but the user's. */
  maxOperations?: number | undefined;
}

/** What --engine says. Throws UsageError for an engine that we do not know. */
export function engineOption(engine: string): string {
  if (ENGINES.includes(engine) || isDevice(engine)) return engine;
  throw new UsageError(`--engine "${engine}", expected one of ${ENGINES.join(", ")}, ${DEVICE}BOARD`);
}

export async function openSession(
  blob: Uint8Array,
  { engine, weights, maxOperations }: SessionOptions,
): Promise<Session> {
  if (isDevice(engine)) return openOnDevice(engine.slice(DEVICE.length), { blob });
  if (engine === "reference") return loadReference(blob, { maxOperations });
  const runs = engine === "v8" ? v8 : await createWasmtime();
  return load({ ...(await bestModule(runs)), blob, engine: runs, weights, maxOperations });
}

/** A blob in one engine and in the reference. */
export async function openOne(
  blob: Uint8Array,
  engine: string,
  maxOperations?: number,
): Promise<{ sessions: Record<string, Session>; missing: string[] }> {
  const session = await openSession(blob, { engine, weights: "resident", maxOperations });
  return { sessions: { reference: loadReference(blob, { maxOperations }), [session.engine]: session }, missing: [] };
}

export function isDevice(engine: string): boolean {
  return engine.startsWith(DEVICE);
}

/**
 * Every session of a blob that can be had here (engine, variant, weights), by name; and what engine is missing, and why. Streaming ones are
 * those of variants that run the blob's packings.
 */
export async function openAll(
  blob: Uint8Array,
  maxOperations?: number,
): Promise<{ sessions: Record<string, Session>; missing: string[] }> {
  const { runners, missing } = await openRunners();
  return { sessions: await openIn(runners, blob, maxOperations), missing };
}

/** The reference and these modules, both weight ways. */
export async function openIn(
  runners: Runner[],
  blob: Uint8Array,
  maxOperations?: number,
): Promise<Record<string, Session>> {
  const sessions: Record<string, Session> = { reference: loadReference(blob, { maxOperations }) };
  for (const { engine, variant, module } of runners) {
    for (const weights of WEIGHTS) {
      try {
        const options = { module, variant, blob, engine, weights, maxOperations };
        sessions[`${engine.name} ${variant} ${weights}`] = await load(options);
      } catch (error) {
        if (!(weights === "streaming" && error instanceof EngineError && error.kind === "packing")) throw error;
      }
    }
  }
  return sessions;
}
