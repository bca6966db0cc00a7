// Compiles every target of asconfig.json, and the commands for WASI, and prints how large each is beside its ceiling; then the
// float ends of the bench. Arguments are the names of the modules that are to be compiled instead of all:
// `npm run build:wasm -- simd`.
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

/** Bytes that a module may have, and what it holds. tests/module/size.test.ts keeps them. */
export const CEILINGS = {
  scalar: { bytes: 7 * 1024, holds: "all ops, scalar kernels" },
  simd: { bytes: 16 * 1024, holds: "all ops, SIMD128 kernels" },
  relaxed: { bytes: 16.25 * 1024, holds: "all ops, relaxed SIMD kernels" },
  core: { bytes: 9 * 1024, holds: "all ops, scalar kernels, ternary weights in trit4" },
  core_ternary: { bytes: 3 * 1024, holds: "u8 lookup, ternary dense in trit4, thresholds" },
  scalar_ternary_resident: { bytes: 2 * 1024, holds: "u8 lookup, ternary dense, thresholds; weights resident" },
  scalar_ternary: { bytes: 4 * 1024, holds: "the same, fast kernels; weights resident or streamed" },
  scalar_binary: { bytes: 5 * 1024, holds: "u8 lookup, binary dense, bits, thresholds; weights resident or streamed" },
};

/** The same for commands of WASI, targets of assembly/wasi/asconfig.json. */
export const COMMAND_CEILINGS = {
  "tern-cli": { bytes: 10 * 1024, holds: "a command for WASI: all ops, scalar kernels, weights packed for any" },
  "tern-cli-simd": { bytes: 10 * 1024, holds: "the same, SIMD128 kernels" },
};

/** The configuration of every module: its targets write build/<target>.wasm. */
const CONFIGURATIONS = { "asconfig.json": CEILINGS, "assembly/wasi/asconfig.json": COMMAND_CEILINGS };
const FLOATS = { config: "tools/bench/floats/asconfig.json", target: "floats" };

/** All modules; or those of some names. Throws where a module does not compile, is larger than its ceiling, or does not exist. */
export async function buildWasm(...names) {
  const modules = Object.entries(CONFIGURATIONS).flatMap(([config, ceilings]) =>
    targetsOf(config).map((target) => ({ config, target, ...ceilings[target] })),
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

function targetsOf(config) {
  return Object.keys(JSON.parse(readFileSync(config, "utf8")).targets);
}

async function compile({ config, target }) {
  const { error, stderr } = await asc.main(["--config", config, "--target", target]);
  if (error) throw new Error(`asc, target ${target} of ${config}: ${error.message}\n${stderr}`);
}

/** Prints the size of a module. */
function weigh({ target, bytes, holds }) {
  const file = `build/${target}.wasm`;
  const { size } = statSync(file);
  console.log(`${file.padEnd(24)}${String(size).padStart(6)} of ${bytes} bytes   ${holds}`);
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
