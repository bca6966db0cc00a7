// `npm run check`: style and types. Biome, 65 MB, is no dependency of the project: it is installed in tools/style when first run.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { npm, PROJECT, step } from "./setup.mjs";

const require = createRequire(join(PROJECT, "tools", "style", "package.json"));

if (!find("@biomejs/biome/bin/biome")) {
  step("Installing Biome (npm ci --prefix tools/style) ...");
  npm("ci", "--prefix", join(PROJECT, "tools", "style"), "--no-audit", "--no-fund", "--loglevel=error");
}
const styled = runModule("@biomejs/biome/bin/biome", "check", ".", ...process.argv.slice(2));
const typed = [".", "assembly"].map((project) => runModule("typescript/bin/tsc", "-p", project, "--noEmit"));
process.exitCode = styled && typed.every(Boolean) ? 0 : 1;

function find(program) {
  try {
    return require.resolve(program);
  } catch {
    return undefined;
  }
}

function runModule(program, ...args) {
  return spawnSync(process.execPath, [find(program), ...args], { cwd: PROJECT, stdio: "inherit" }).status === 0;
}
