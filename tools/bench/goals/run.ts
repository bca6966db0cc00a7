import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../host/base/package_root.ts";
import { hasWords } from "../command_line.ts";
import { PEERS_FOLDER } from "../peer.ts";
import { COLUMN_NAMES, COLUMNS, type ColumnName, cellsOf, judge, type Verdict } from "./goals.ts";
import type { ColumnResult } from "./measure.ts";

/** All that a run found out. */
export interface GoalsResult extends ColumnResult {
  verdicts: Verdict[];
}

/** Measures every column of which something is wanted, one after the other, each in a process of its own Node. */
export async function runGoals(filter: string): Promise<GoalsResult> {
  const wants = hasWords(filter);
  const all: ColumnResult = { comparisons: [], missing: [], versions: {} };
  for (const column of COLUMN_NAMES) {
    if (cellsOf(column, wants).length === 0) continue;
    const node = findNode(COLUMNS[column].node);
    if (!node) {
      all.missing.push(`${COLUMNS[column].title}: no Node ${COLUMNS[column].node}: npm run bench:peers installs it`);
      continue;
    }
    const { comparisons, missing, versions } = await measureIn(node, column, filter);
    all.comparisons.push(...comparisons);
    all.missing.push(...missing.map((reason) => `${COLUMNS[column].title}: ${reason}`));
    Object.assign(all.versions, versions);
  }
  return { ...all, verdicts: judge(all.comparisons, wants) };
}

/** This Node, if it has that major version, or the one that is installed with the peers. */
function findNode(major: number): string | undefined {
  const installed = join(packageRoot(), PEERS_FOLDER, `node${major}`, "bin", "node");
  if (existsSync(installed)) return installed;
  return process.versions.node.startsWith(`${major}.`) ? process.execPath : undefined;
}

function measureIn(node: string, column: ColumnName, filter: string): Promise<ColumnResult> {
  const worker = join(import.meta.dirname, "worker.js");
  return new Promise((resolve, reject) => {
    const child = execFile(node, [worker, "--column", column, "--filter", filter], (error, stdout, stderr) => {
      if (error) reject(new Error(`${COLUMNS[column].title}: ${stderr.trim() || error.message}`));
      else resolve(JSON.parse(stdout) as ColumnResult);
    });
    child.stderr?.pipe(process.stderr);
  });
}
