// `npm test`: set-up, then all tests: vitest's and the specs that run inside WebAssembly; or those that arguments choose, which vitest gets.
// Ends with what was skipped and what failed, by name; TERN_REQUIRE_ALL=1 makes a skipped test a failure.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
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
const results = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { testResults: [] };
rmSync(folder, { recursive: true });
const specsPassed = vitestArguments.length > 0 || runModule("@as-pect/cli/bin/asp.js", "--summary");

const failures = [];
if (!vitestPassed) failures.push("vitest failed");
if (!specsPassed) failures.push("as-pect failed");
if (vitestArguments.length === 0) {
  const skipped = listSkipped(results);
  // a run of chosen tests would list all others
  if (skipped.length > 0 && process.env.TERN_REQUIRE_ALL === "1") failures.push("TERN_REQUIRE_ALL=1 allows no skip");
  console.log(
    skipped.length > 0 ? `\nSKIPPED, as the titles say why:\n${skipped.join("\n")}` : "\nNo test was skipped.",
  );
}
for (const line of listFailed(results)) console.log(line);
console.log(failures.length > 0 ? `\nFAILED: ${failures.join("; ")}.` : "\nAll tests that ran have passed.");
process.exitCode = failures.length > 0 ? 1 : 0;

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
      if (status === "passed" || status === "failed") continue;
      const suite = `${relative(PROJECT, name)}: ${ancestorTitles.join(" > ") || title}`;
      counts.set(suite, (counts.get(suite) ?? 0) + 1);
    }
  }
  return [...counts].map(([suite, count]) => `  ${String(count).padStart(4)}  ${suite}`);
}

/** Of each failed test, and each file that failed as a whole: where it is, its title and what it threw, without the stack. */
function listFailed({ testResults }) {
  const lines = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((result) => result.status === "failed");
    for (const { fullName, failureMessages } of failed) {
      lines.push(`\n${relative(PROJECT, name)}: ${fullName}\n${failureMessages.map(reason).join("\n")}`);
    }
    if (status === "failed" && failed.length === 0) lines.push(`\n${relative(PROJECT, name)}\n${reason(message)}`);
  }
  return lines;
}

function reason(message) {
  return message.split(/\n +at /)[0].slice(0, 1000);
}
