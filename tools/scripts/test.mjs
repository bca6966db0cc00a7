// `npm test`: set-up, then all tests: vitest (arguments are passed on to it) and the specs that run inside WebAssembly.
// Ends with what was skipped; TERN_REQUIRE_ALL=1 makes a skipped test a failure.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { PROJECT, setup } from "./setup.mjs";

await setup();
const vitestArguments = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "tern-test-"));
const report = join(folder, "report.json");
const vitestPassed = runModule(
  "vitest/vitest.mjs",
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...vitestArguments,
);
const skipped = vitestPassed ? listSkipped(JSON.parse(readFileSync(report, "utf8"))) : [];
rmSync(folder, { recursive: true });
const specsPassed = runModule("@as-pect/cli/bin/asp.js", "--summary");

// a run of chosen tests leaves out the others on purpose
const missing = process.env.TERN_REQUIRE_ALL === "1" && vitestArguments.length === 0 && skipped.length > 0;
const verdict = [
  vitestPassed ? [] : ["vitest failed"],
  specsPassed ? [] : ["as-pect failed"],
  missing ? ["TERN_REQUIRE_ALL=1 allows no skipped test"] : [],
].flat();
console.log(
  skipped.length === 0 ? "\nNo test was skipped." : `\nSKIPPED, for the reason in each title:\n${skipped.join("\n")}`,
);
console.log(verdict.length === 0 ? "All tests that ran have passed." : `FAILED: ${verdict.join("; ")}.`);
process.exitCode = verdict.length === 0 ? 0 : 1;

/** Runs a program out of node_modules; true where it succeeds. */
function runModule(path, ...args) {
  const program = join(PROJECT, "node_modules", path);
  return spawnSync(process.execPath, [program, ...args], { cwd: PROJECT, stdio: "inherit" }).status === 0;
}

/** One line per suite with skipped tests: how many, in which file, and the title of the suite, which says why. */
function listSkipped({ testResults }) {
  const counts = new Map();
  for (const { name, assertionResults } of testResults) {
    for (const { status, ancestorTitles, title } of assertionResults) {
      if (status === "passed") continue;
      const suite = `${relative(PROJECT, name)}: ${ancestorTitles.join(" > ") || title}`;
      counts.set(suite, (counts.get(suite) ?? 0) + 1);
    }
  }
  return [...counts].map(([suite, count]) => `  ${String(count).padStart(4)}  ${suite}`);
}
