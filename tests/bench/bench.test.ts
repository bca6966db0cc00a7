import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT } from "../house/project_files.ts";

/** The compiled command, which `npm test` builds first. */
function bench(...args: string[]) {
  const file = join(PROJECT, "dist", "tools", "bench", "bench.js");
  return spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
}

it("measures what --filter names, and says what it did", () => {
  const { status, stdout } = bench("--quick", "--json", "--filter", "rows=1 v8 scalar int4 K=256");
  expect(status).toBe(0);
  const { runs, products, peers, networks } = JSON.parse(stdout);
  const [{ command, machine }] = runs;
  expect(command).toBe('npm run bench -- --quick --json --filter "rows=1 v8 scalar int4 K=256"');
  expect(machine).toMatchObject({ Node: process.versions.node, V8: process.versions.v8 });
  expect(products).toMatchObject([{ weights: "int4", activation: "i8", K: 256, M: 256, rows: 1, variant: "scalar" }]);
  expect(products[0].gmacs.median).toBeGreaterThan(0.001);
  expect([...peers, ...networks]).toEqual([]);
});

it("measures whole networks", () => {
  const { status, stdout } = bench("--quick", "--filter", "digits.onnx rows=64 v8");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^\| +0 \| digits\.onnx +\| +64 \| v8 +\| scalar +\| +[\d,]+ \|/m);
  expect(stdout).not.toContain("gmacs");
});

it.each([
  [["--quick", "--filter", "abacus"], 'nothing has all the words of --filter "abacus"'],
  [["--goals", "--filter", "abacus"], 'no goal has all the words of --filter "abacus"'],
  [["--goals", "--quick"], "--goals goes with --filter and --json"],
  [["--device", "--peers"], "--device goes with --filter, --goals and --json"],
  [["--device", "--filter", "abacus"], 'nothing has all the words of --filter "abacus"'],
  [["--device", "--goals", "--filter", "abacus"], 'no goal has all the words of --filter "abacus"'],
])("refuses %j", (args, reason) => {
  const { status, stderr } = bench(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(reason);
});
