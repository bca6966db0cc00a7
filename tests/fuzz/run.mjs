// Bundles main.ts, since Node 20 runs no TypeScript, and runs it.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "rolldown";

const PROJECT = join(import.meta.dirname, "..", "..");
const file = join(PROJECT, ".cache", "fuzz", "main.mjs"); // as deep as this file, so that what it reads is where it expects it
const input = join(import.meta.dirname, "main.ts");
const isPackage = (name) => /^[^./]/.test(name) && name !== input;
await build({ input, platform: "node", external: isPackage, output: { file, format: "esm" }, logLevel: "silent" });
process.exitCode = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1;
