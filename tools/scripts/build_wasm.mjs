// Compiles every target of asconfig.json, and the commands for WASI, and prints how large each is beside its ceiling; then the
// float ends of the bench.
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

/** Bytes that a module may have, and what it holds. tests/module/size.test.ts keeps them. */
export const CEILINGS = {
  scalar: { bytes: 7 * 1024, holds: "all ops, scalar kernels" },
  simd: { bytes: 16 * 1024, holds: "all ops, SIMD128 kernels" },
  relaxed: { bytes: 16.25 * 1024, holds: "all ops, relaxed SIMD kernels" },
  device: { bytes: 9 * 1024, holds: "all ops, scalar kernels, ternary weights in strips" },
  device_mlp: { bytes: 3.25 * 1024, holds: "u8 lookup, ternary dense in strips, thresholds" },
  ternary_mlp: { bytes: 2 * 1024, holds: "u8 lookup, ternary dense, thresholds; weights resident" },
  ternary_device: { bytes: 4 * 1024, holds: "the same, fast kernels; weights resident or streamed" },
  binary_device: { bytes: 5 * 1024, holds: "u8 lookup, binary dense, bits, thresholds; weights resident or streamed" },
};

/** The same for commands of WASI, targets of assembly/wasi/asconfig.json. */
export const COMMAND_CEILINGS = {
  "tern-cli": { bytes: 10 * 1024, holds: "a command for WASI: all ops, scalar kernels, weights packed for any" },
  "tern-cli-simd": { bytes: 10.25 * 1024, holds: "the same, SIMD128 kernels" },
};

export async function buildWasm() {
  mkdirSync("build", { recursive: true });
  await compileAll("asconfig.json", CEILINGS);
  await compileAll("assembly/wasi/asconfig.json", COMMAND_CEILINGS);
  await compile("tools/bench/floats/asconfig.json", "floats");
}

/** Every target of a configuration writes build/<target>.wasm. */
async function compileAll(config, ceilings) {
  for (const target of Object.keys(JSON.parse(readFileSync(config, "utf8")).targets)) {
    await compile(config, target);
    const { bytes, holds } = ceilings[target];
    const file = `build/${target}.wasm`;
    const { size } = statSync(file);
    console.log(`${file.padEnd(24)}${String(size).padStart(6)} of ${bytes} bytes   ${holds}`);
    if (size > bytes) throw new Error(`${file} has ${size} bytes, its ceiling is ${bytes}`);
  }
}

async function compile(config, target) {
  const { error, stderr } = await asc.main(["--config", config, "--target", target]);
  if (error) throw new Error(`asc, target ${target} of ${config}: ${error.message}\n${stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildWasm();
