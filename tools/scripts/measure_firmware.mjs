// Builds the firmware of every board and writes what it takes without a model, in bytes, into host/firmware/measured.json.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "./setup.mjs";

const { boardNames, readBoard } = await import("../../dist/host/firmware/boards.js");
const { CORES } = await import("../../dist/host/firmware/cores.js");
const { buildImage } = await import("../../dist/host/firmware/build.js");
const { RUNTIMES } = await import("../../dist/host/firmware/runtimes.js");
const { readModule } = await import("../../dist/host/node.js");

const measured = {};
for (const name of boardNames()) {
  const board = readBoard(name);
  const { tools } = CORES[board.core];
  measured[name] = {};
  for (const runtime of Object.values(RUNTIMES).filter(({ cores }) => cores.includes(board.core))) {
    measured[name][runtime.name] = {};
    for (const module of runtime.modules) {
      // with more RAM, since what does not fit is measured as well
      const large = { ...board, ram: { ...board.ram, bytes: 2 ** 20 } };
      const { elf, code } = await buildImage(large, runtime, await readModule(module));
      const text = execFileSync(`${tools}nm`, [elf], { encoding: "utf8" });
      const symbol = (label) => Number.parseInt(text.match(new RegExp(`^([0-9a-f]+) . ${label}$`, "m"))[1], 16);
      const stack = symbol("stack_top") - symbol("stack_bottom");
      const variables = symbol("pool_start") - symbol("stack_top");
      measured[name][runtime.name][module] = { code: code.length, variables, stack };
    }
  }
}
writeFileSync(join(PROJECT, "host", "firmware", "measured.json"), `${JSON.stringify(measured, null, 2)}\n`);
console.log(JSON.stringify(measured, null, 2));
