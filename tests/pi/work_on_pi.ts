import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeOnPi } from "../../tools/rigs/pi/pi.ts";
import { bundleForNode } from "../bundle.ts";
import { PROJECT } from "../house/project_files.ts";
import type { Case } from "../same_bits/cases.ts";
import type { Work } from "./worker.ts";

/** Cases in one process: the emulator keeps tens of megabytes for every memory that an engine has ever reserved. */
const CASES = 5;

/** What the worker finds about models there. */
export async function workOnPi(cases: Case[]): Promise<Work> {
  const all: Work = { digests: {}, fuel: {} };
  for (let first = 0; first < cases.length; first += CASES) {
    const { digests, fuel } = await workOnFew(cases.slice(first, first + CASES));
    for (const [session, found] of Object.entries(digests))
      all.digests[session] = { ...all.digests[session], ...found };
    Object.assign(all.fuel, fuel);
  }
  return all;
}

async function workOnFew(cases: Case[]): Promise<Work> {
  const folder = mkdtempSync(join(tmpdir(), "tern-pi-"));
  // in the project, where it finds modules and packages
  const worker = join(PROJECT, ".cache", `pi_worker_${process.pid}.mjs`);
  try {
    await bundleForNode(join(import.meta.dirname, "worker.ts"), worker, "outside");
    const jobs = cases.map(({ name, blob, inputs }, i) => {
      const [blobFile, ...inputFiles] = [blob, ...inputs].map((bytes, part) => {
        const path = join(folder, `${i}.${part}`);
        writeFileSync(path, bytes);
        return path;
      });
      return { name, blob: blobFile!, inputs: inputFiles };
    });
    writeFileSync(join(folder, "jobs.json"), JSON.stringify(jobs));
    return JSON.parse(nodeOnPi([worker, join(folder, "jobs.json")]));
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(worker, { force: true });
  }
}
