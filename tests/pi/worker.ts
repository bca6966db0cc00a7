// Runs models in every session that can be had, for tests on another machine: `node worker.mjs jobs.json` prints Work as JSON.
import { readFileSync } from "node:fs";
import { createWasmtime } from "../../host/node.ts";
import { ARRAYS, type InputRows } from "../../host/run/session.ts";
import { elementCount } from "../../host/shape.ts";
import { openIn } from "../../tools/options/sessions.ts";
import { openRunners } from "../../tools/runners.ts";
import { digestOf, fuelOf } from "../same_bits/digest.ts";

/** A model: paths of its blob, and of each input's elements. */
export interface Job {
  name: string;
  blob: string;
  inputs: string[];
}

export interface Work {
  /** Session → case → digest. */
  digests: Record<string, Record<string, string>>;
  /** Case → variant → fuel of its first row in wasmtime. */
  fuel: Record<string, Record<string, number>>;
}

const jobs: Job[] = JSON.parse(readFileSync(process.argv[2]!, "utf8"));
const work: Work = { digests: {}, fuel: {} };
const { runners, missing } = await openRunners();
if (missing.length > 0) throw new Error(missing.join("\n"));
const wasmtime = await createWasmtime();
for (const { name, blob: path, inputs: paths } of jobs) {
  const blob = new Uint8Array(readFileSync(path));
  const sessions = await openIn(runners, blob);
  const { program } = sessions.reference!;
  const tensors = program.inputs.map((tensor) => program.tensors[tensor]!);
  const inputs: InputRows[] = paths.map((file, i) => {
    const bytes = new Uint8Array(readFileSync(file));
    return new ARRAYS[tensors[i]!.dtype]!(bytes.buffer as never);
  });
  for (const [session, open] of Object.entries(sessions)) {
    work.digests[session] ??= {};
    work.digests[session][name] = digestOf(open.run(inputs));
    open.dispose();
  }
  const first = inputs.map((elements, i) => elements.slice(0, elementCount(tensors[i]!)));
  work.fuel[name] = {};
  for (const { variant, module } of runners.filter(({ engine }) => engine === wasmtime)) {
    work.fuel[name][variant] = await fuelOf(wasmtime, { variant, module, blob }, first);
  }
}
console.log(JSON.stringify(work));
