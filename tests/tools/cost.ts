import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { PROJECT } from "../house/project_files.ts";
import type { Ended } from "./tern.ts";

const CLI = join(PROJECT, "dist", "tools", "cli.js");

/** Prints, as its last line of stderr, what the process has used: seconds of processor time, and megabytes at most. A worker prints nothing. */
const REPORT = `if (require("node:worker_threads").isMainThread) process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  require("node:fs").writeSync(2, "\\n" + (userCPUTime + systemCPUTime) / 1e6 + " " + maxRSS / 1024 + "\\n");
});`;

/** Runs `tern`, and says what that cost. Processor time, for a busy machine makes any work long. Ends it after a minute. */
export async function ended(...args: string[]): Promise<Ended & { seconds: number; megabytes: number }> {
  const printReport = `data:text/javascript,${encodeURIComponent(`import { createRequire } from "node:module"; const require = createRequire("file:///"); ${REPORT}`)}`;
  const child = spawn(process.execPath, ["--import", printReport, CLI, ...args], {
    env: { ...process.env, NO_COLOR: "1", TERN_REQUIRE_ALL: "" },
    timeout: 60_000,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  const report = /\n([\d.]+) ([\d.]+)\n/; // before what is said, where stderr is written late
  const [line = "", seconds, megabytes] = report.exec(stderr) ?? [];
  return { code, stdout, stderr: stderr.replace(line, ""), seconds: Number(seconds), megabytes: Number(megabytes) };
}
