import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../host/base/package_root.ts";
import { readBlob } from "../../host/blob/read.ts";
import { readBoard } from "../../host/firmware/boards.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { sampleInputs } from "../../host/index.ts";
import { referenceBackend } from "../../host/run/backend.ts";
import { deviceBackend } from "../../host/run/device.ts";
import { readFile } from "../files/files.ts";
import { printLines } from "../terminal/print.ts";
import { startCounted } from "./counted_board.ts";

// `npm run count -- BLOB...`: instructions of one inference on an emulated Cortex-M4, whatever the layers are, and the RAM that the device took. The
// blob is run as it is packed, in C with every memory access checked, and its outputs have to be the reference's.

const BOARD = readBoard("netduinoplus2");
const MODULE = new Uint8Array(readFileSync(join(packageRoot(), "build", "core.wasm")));

for (const path of process.argv.slice(2)) {
  const blob = await readFile(path);
  const { elf } = await buildImage(BOARD, runtimeNamed("wasm2c"), MODULE);
  const board = await startCounted(BOARD, elf);
  try {
    await board.program(blob);
    const ramBytes = board.device.open(1);
    const program = readBlob(blob);
    const [found, expected] = [deviceBackend(program, board.device, BOARD.name, 1), referenceBackend(program, 1)];
    for (const [i, elements] of sampleInputs(program, 3).entries()) {
      const third = elements.slice((2 * elements.length) / 3); // the first two are extremes, this one is random
      for (const backend of [found, expected]) backend.write(program.inputs[i]!, third, 1);
    }
    const end = program.ops.length;
    expected.invoke(0, end, 1);
    const instructions = board.count(0, end, 1) - board.count(0, 0, 1);
    for (const output of program.outputs) {
      const [ours, theirs] = [found.read(output, 1), expected.read(output, 1)];
      if (ours.some((element, k) => element !== theirs[k]))
        throw new Error(`${path}: output ${output} is not the reference's`);
    }
    const numbers = [blob.length, instructions, ramBytes].map((n) => n.toLocaleString("en"));
    printLines([`${path}: ${numbers[0]} bytes of blob, ${numbers[1]} instructions, ${numbers[2]} bytes of RAM`]);
  } finally {
    board.close();
  }
}
