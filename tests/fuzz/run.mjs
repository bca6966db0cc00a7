// Bundles main.ts, since Node 20 runs no TypeScript, and runs it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";

const PROJECT = join(import.meta.dirname, "..", "..");
const outfile = join(PROJECT, ".cache", "fuzz", "main.mjs"); // as deep as this file, so that what it reads is where it expects it
const entryPoints = [join(import.meta.dirname, "main.ts")];
await build({
  entryPoints,
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
});
process.exitCode = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1;
