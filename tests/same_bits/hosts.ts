import { modelMemory } from "../../host/cost/fit.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { repack, v8 } from "../../host/index.ts";
import { deviceModule, openOnDevice } from "../../host/node.ts";
import { loadReference, type Session } from "../../host/run/session.ts";
import { fitOf } from "../../tools/commands/fit.ts";
import { missingOnPi } from "../../tools/rigs/pi/pi.ts";
import type { Row } from "../engines.ts";
import { missingFor } from "../firmware/boards.ts";
import { workOnPi } from "../pi/work_on_pi.ts";
import type { Work } from "../pi/worker.ts";
import { disposeAll, openSessions } from "../sessions.ts";
import type { Case } from "./cases.ts";
import { digestOf } from "./digest.ts";

/** Digests of what a host answers: session → case → digest. */
export type Digests = Record<string, Record<string, string>>;

/** Something that runs a blob: an engine here, on another machine, in another program. */
export interface Host {
  /** What it lacks here. */
  missing?: string | undefined;
  /** Whether it has room for a case; it has for all, if not given. */
  takes?: (model: Case) => Promise<boolean>;
  run: (cases: Case[]) => Promise<Digests>;
}

/** The definition. */
export const reference: Host = {
  run: (cases) => digestAll(cases, async ({ blob }) => ({ reference: loadReference(blob) })),
};

/** An engine in this process: all variants that it accepts, both weight ways. */
export function here(name: string, row: Row): Host {
  return {
    missing: typeof row.engine === "string" ? row.engine : undefined,
    run: (cases) =>
      digestAll(cases, async ({ blob }) => {
        const { reference: _, ...sessions } = await openSessions(blob, { [name]: row });
        return sessions;
      }),
  };
}

/** What an emulated Raspberry Pi found about cases, by their names: it is slow, so it is asked once. */
const found = new Map<string, Work>();

export async function piFound(cases: Case[]): Promise<Work> {
  const names = cases.map(({ name }) => name).join();
  const work = found.get(names) ?? (await workOnPi(cases));
  found.set(names, work);
  return work;
}

/** An engine on it. */
export function onPi(engine: string): Host {
  return {
    missing: missingOnPi(),
    async run(cases) {
      const { digests } = await piFound(cases);
      return Object.fromEntries(Object.entries(digests).filter(([session]) => session.startsWith(`${engine} `)));
    },
  };
}

/** A board in its emulator, with what runs the module there. */
export function onBoard(name: string, runtimeName: string): Host {
  const [board, runtime] = [readBoard(name), runtimeNamed(runtimeName)];
  return {
    missing: missingFor(board, runtimeName),
    async takes(model) {
      const blob = smallTiles(model);
      const { name: module, module: wasm } = await deviceModule(runtime, blob);
      const memory = await modelMemory(blob, wasm, v8, 1, runtime.extraBytes);
      return fitOf(board, runtime, module, blob.length, memory).fits;
    },
    run: (cases) =>
      digestAll(cases, async (model) => {
        const session = await openOnDevice(`${name}:${runtimeName}`, { blob: smallTiles(model) });
        return { [session.engine]: session };
      }),
  };
}

/** The model in the packing and tiles that take least of a device's RAM. */
function smallTiles({ blob }: Case): Uint8Array {
  return repack(blob, "cortex-m0:wasm3");
}

async function digestAll(cases: Case[], open: (model: Case) => Promise<Record<string, Session>>): Promise<Digests> {
  const digests: Digests = {};
  for (const model of cases) {
    const sessions = await open(model);
    for (const [name, session] of Object.entries(sessions)) {
      digests[name] ??= {};
      digests[name][model.name] = digestOf(session.run(model.inputs));
    }
    disposeAll(sessions);
  }
  return digests;
}
