// Compiles all builds (host/base/builds.mjs), the commands for WASI and the module of updates, and prints how large each is beside its
// ceiling; then the float ends of the bench. Arguments are the names of the modules that are to be compiled instead of all:
// `npm run build:wasm -- simd`.
import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { BUILDS, COMMANDS, UPDATE } from "../../host/base/builds.mjs";

/** What each configuration has targets for; each writes build/<target>.wasm. */
const CONFIGURATIONS = {
  "asconfig.json": BUILDS,
  "assembly/wasi/asconfig.json": COMMANDS,
  "assembly/update/asconfig.json": UPDATE,
};
const FLOATS = { config: "tools/bench/floats/asconfig.json", target: "floats" };

/** All modules; or those of some names. Throws where a module does not compile, is larger than its ceiling, or does not exist. */
export async function buildWasm(...names) {
  const modules = Object.entries(CONFIGURATIONS).flatMap(([config, builds]) =>
    Object.entries(builds).map(([target, { bytes, holds }]) => ({ config, target, bytes, holds })),
  );
  modules.push(FLOATS);
  const known = modules.map(({ target }) => target);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no module ${unknown.join(", ")}, expected some of ${known.join(", ")}`);
  mkdirSync("build", { recursive: true });
  for (const module of modules) {
    if (names.length > 0 && !names.includes(module.target)) continue;
    await compile(module);
    if (module.bytes !== undefined) weigh(module);
  }
}

async function compile({ config, target }) {
  const { error, stderr } = await asc.main(["--config", config, "--target", target]);
  if (error) throw new Error(`asc, target ${target} of ${config}: ${error.message}\n${stderr}`);
}

/** Prints the size of a module. */
function weigh({ target, bytes, holds }) {
  const file = `build/${target}.wasm`;
  const { size } = statSync(file);
  console.log(`${file.padEnd(36)}${String(size).padStart(6)} of ${bytes} bytes   ${holds}`);
  if (size > bytes) throw new Error(`${file} has ${size} bytes, its ceiling is ${bytes}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await buildWasm(...process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
