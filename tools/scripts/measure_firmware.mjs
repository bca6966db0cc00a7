// Builds the firmware of every board and writes what it takes without a model, in bytes, and what its kernels take, in instructions, into
// host/cost/measured.json.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "./setup.mjs";

const { boardNames, readBoard } = await import("../../dist/host/firmware/boards.js");
const { CORES } = await import("../../dist/host/firmware/cores.js");
const { buildImage } = await import("../../dist/host/firmware/make/build.js");
const { RUNTIMES } = await import("../../dist/host/firmware/make/runtimes.js");
const { readModule } = await import("../../dist/host/node.js");
const { measureCosts } = await import("../../dist/tools/rigs/measure_costs.js");

const measured = {};
for (const name of boardNames()) {
  const board = readBoard(name);
  measured[name] = {};
  for (const runtime of Object.values(RUNTIMES).filter(({ cores }) => cores.includes(board.core))) {
    measured[name][runtime.name] = {};
    for (const moduleName of runtime.modules) {
      console.error(`${name} ${runtime.name} ${moduleName}`);
      const module = await readModule(moduleName);
      const sizes = await measureSizes(board, runtime, module);
      const costs = await measureCostsOf(board, runtime, module);
      measured[name][runtime.name][moduleName] = { ...sizes, ...(costs && { costs }) };
    }
  }
}
const text = JSON.stringify(measured, null, 2).replace(/\[[^\]]+\]/g, (list) =>
  list.replace(/\s+/g, " ").replace(/^\[ | \]$/g, (end) => end.trim()),
);
writeFileSync(join(PROJECT, "host", "cost", "measured.json"), `${text}\n`);

async function measureSizes(board, runtime, module) {
  // with more RAM, since what does not fit is measured as well
  const large = { ...board, ram: { ...board.ram, bytes: 2 ** 20 } };
  const { elf, code } = await buildImage(large, runtime, module);
  const text = execFileSync(`${CORES[board.core].tools}nm`, [elf], { encoding: "utf8" });
  const symbol = (label) => Number.parseInt(text.match(new RegExp(`^([0-9a-f]+) . ${label}$`, "m"))[1], 16);
  const stack = symbol("stack_top") - symbol("stack_bottom");
  return { code: code.length, variables: symbol("pool_start") - symbol("stack_top"), stack };
}

/** Undefined where the board has no RAM for the module. */
async function measureCostsOf(board, runtime, module) {
  try {
    const { elf } = await buildImage(board, runtime, module);
    return await measureCosts(board, elf, module);
  } catch (error) {
    if (error.kind === "memory") return undefined;
    throw error;
  }
}
