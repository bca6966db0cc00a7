import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { EngineError, InputError, TernError } from "../../../host/base/errors.ts";
import { fileKind, TFLITE } from "../../../host/base/file_kind.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { readModel } from "../../../host/checkpoint/tflite/model.ts";
import { boardNames, readBoard } from "../../../host/firmware/boards.ts";
import { convert, load, readBlob, v8 } from "../../../host/index.ts";
import { bestModule } from "../../../host/node.ts";
import { mulberry32 } from "../../../host/numbers/random.ts";
import { readFile } from "../../files/files.ts";
import { printLines } from "../../terminal/print.ts";
import { formatCount } from "../../terminal/table.ts";
import { measureModel } from "../device/measure.ts";
import { openReferenceKernels, type ReferenceKernels } from "../litert.ts";
import { formatMarkdown } from "../markdown.ts";
import { type Fitted, fitTo, smallestBytes } from "./fit.ts";
import { REFERENCES, type Reference, referenceOf } from "./networks.ts";

// npm run mlperf -- FOLDER: the reference networks of MLPerf Tiny that a folder has as TensorFlow Lite files of int8, proven equal to LiteRT's reference kernels, and
// counted on every emulated board that has room for them, beside published figures. Ends with status 1 where an output differs or nothing was found.

const ROWS = 200;

const { positionals } = parseArgs({ allowPositionals: true });
const [folder, ...others] = positionals;
if (folder === undefined || others.length > 0) {
  process.stderr.write("usage: npm run mlperf -- FOLDER\n");
  process.exitCode = 2;
} else {
  process.exitCode = await run(folder).catch((error: unknown) => {
    if (!(error instanceof TernError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  });
}

async function run(folder: string): Promise<number> {
  const found = await findNetworks(folder);
  if (found.length === 0) {
    const names = REFERENCES.map(({ name }) => name).join(", ");
    process.stderr.write(
      `${folder}: found no TensorFlow Lite file of int8 of a reference network, expected ${names}\n`,
    );
    return 1;
  }
  const kernels = openReferenceKernels();
  try {
    let differences = 0;
    for (const { path, file, reference } of found) {
      printLines([`${reference.name}: ${relative(folder, path)}`]);
      const wrong = await countDifferences(file, kernels);
      printLines([`${wrong} of ${ROWS} inputs differ from the reference kernels of ${kernels.version}`, ""]);
      differences += wrong;
      printLines([...(await tableOf(file, reference)), ""]);
    }
    return differences > 0 ? 1 : 0;
  } finally {
    await kernels.close();
  }
}

interface Found {
  path: string;
  file: Uint8Array;
  reference: Reference;
}

/** The reference networks among the files of a folder, and of those within it. */
async function findNetworks(folder: string): Promise<Found[]> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const found: Found[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const file = await readFile(path);
    if (fileKind(file) !== TFLITE) continue;
    try {
      const reference = referenceOf(readCheckpoint(file).graph);
      if (reference) found.push({ path, file, reference });
    } catch (error) {
      if (!(error instanceof TernError)) throw error; // floats, for example
    }
  }
  return found;
}

/** How many of seeded inputs, noise of many widths, give other codes than the kernels do. */
async function countDifferences(file: Uint8Array, kernels: ReferenceKernels): Promise<number> {
  const { tensors, inputs, outputs } = readModel(file);
  const size = tensors[inputs[0]!]!.shape.reduce((a, b) => a * b, 1);
  const next = mulberry32(1);
  const rows = Int8Array.from({ length: ROWS * size }, (_, i) => {
    const width = 2 ** (1 + (Math.floor(i / size) % 8));
    return Math.floor(next() * width) - width / 2;
  });
  const expected = await kernels.outputs(file, new Uint8Array(rows.buffer));
  const { blob } = await convert(file);
  const session = await load({ ...(await bestModule(v8)), blob, engine: v8 });
  const [output] = session.run([rows]);
  session.dispose();
  const { scale, zero } = tensors[outputs[0]!]!;
  const codes = Int8Array.from(output!.scores, (score) => Math.round(score / scale[0]!) + zero[0]!);
  const each = codes.length / ROWS;
  const differs = (row: number) => {
    return codes
      .subarray(row * each, (row + 1) * each)
      .some((code, i) => code !== (expected[row * each + i]! << 24) >> 24);
  };
  return Array.from({ length: ROWS }, (_, row) => row).filter(differs).length;
}

/** A line for each board, and what was published of others for its core. */
async function tableOf(file: Uint8Array, { published, name }: Reference): Promise<string[]> {
  const rows: string[][] = [];
  for (const boardName of boardNames()) {
    const board = readBoard(boardName);
    const fitted = await fitTo(board, file).catch((error: unknown) => {
      if (error instanceof InputError || error instanceof EngineError) return error.message.split("\n")[0]!;
      throw error;
    });
    const cells = typeof fitted === "string" ? [fitted] : await measured(boardName, name, fitted);
    const others = Object.entries(published[board.core] ?? {}).map(
      ([engine, cycles]) => `${engine} ${millions(cycles)}`,
    );
    rows.push([
      `${boardName} (${board.core})`,
      ...cells,
      ...Array<string>(5 - cells.length).fill(""),
      others.join(", "),
    ]);
  }
  const header = [
    "board",
    "instructions",
    "per MAC",
    "flash",
    "RAM: arena and scratch",
    "RAM in all",
    "cycles of native engines",
  ];
  const smallest = await smallestBytes(file);
  return [
    ...formatMarkdown("lrrrrrl", [header, ...rows]),
    `arena and scratch in the smallest forms: ${formatCount(smallest)} bytes`,
  ];
}

async function measured(board: string, name: string, { blob, gathered }: Fitted): Promise<string[]> {
  const program = readBlob(blob);
  const inputs = program.inputs.map((tensor) => {
    const { height, width, channels } = program.tensors[tensor]!;
    const next = mulberry32(2);
    return Array.from({ length: height * width * channels }, () => Math.floor(256 * next()) - 128);
  });
  try {
    const run = await measureModel({ board, runtime: "wasm2c", build: "checked" }, `${board} ${name}`, {
      ...{ blob, inputs, isPacked: true },
    });
    const { instructions, macs, planned, firmware, blobBytes, taken } = run;
    return [
      millions(instructions) + (gathered > 0 ? `, ${gathered} convolutions gathered` : ""),
      (instructions / macs).toFixed(2),
      formatCount(firmware.code + blobBytes),
      formatCount(planned.arena + planned.scratch),
      formatCount(taken + firmware.variables + firmware.stackUsed),
    ];
  } catch (error) {
    if (error instanceof EngineError) return [error.message.split("\n")[0]!];
    throw error;
  }
}

function millions(count: number): string {
  return `${(count / 1e6).toPrecision(3)} M`;
}
