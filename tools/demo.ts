// The main job, which `npm start` runs: from a trained checkpoint to answers, and the proof that they are right.
import { join, relative } from "node:path";
import { packageRoot } from "../host/base/package_root.ts";
import { classOf } from "../host/run/describe.ts";
import { convertFile, formatConversion } from "./commands/convert.ts";
import { evaluate, formatAccuracy } from "./commands/eval.ts";
import { formatRow } from "./commands/run.ts";
import { formatProof, isProven, prove } from "./commands/verify.ts";
import { readFile } from "./files/files.ts";
import { readSamples } from "./inputs/samples.ts";
import { openSession } from "./options/sessions.ts";
import { printLines } from "./terminal/print.ts";

/** Digits shown in full. */
const SHOWN = 3;

const root = relative(process.cwd(), packageRoot());
const digits = join(root, "examples", "digits");
const checkpoint = join(digits, "digits.onnx");
const ten = join(digits, "inputs", "zero-to-nine.npy");
const images = join(digits, "inputs", "images-idx3-ubyte.gz");
const labels = join(digits, "inputs", "labels-idx1-ubyte.gz");
const model = join(root, "build", "digits.tern");

title(`Convert ${checkpoint}`);
printLines(formatConversion(await convertFile(checkpoint, model)));
printLines(["", `Written to ${model}.`]);

title("Run it on drawn digits, in V8");
const blob = await readFile(model);
const inV8 = { engine: "v8", weights: "resident" } as const;
const session = await openSession(blob, inV8);
const samples = readSamples(ten, session.program);
const outputs = session.run(samples.elements);
for (let row = 0; row < SHOWN; row++) printLines([...formatRow(session.program, samples, outputs, row), ""]);
const answers = Array.from({ length: samples.rows }, (_, row) =>
  classOf("greatest", outputs[0]!.scores, row, samples.rows),
);
printLines([`The next ${samples.rows - SHOWN} digits are read as ${answers.slice(SHOWN).join(" ")}.`]);

title("Evaluate it on 1,000 more");
printLines([formatAccuracy(await evaluate(blob, images, labels, inV8))]);

title("Prove that it computes what the checkpoint computes");
const proof = await prove(model, checkpoint, { inputs: images });
printLines(formatProof(proof));
if (!isProven(proof)) process.exitCode = 1;

title("What next");
printLines([
  `npx littletern inspect ${model}`,
  `npx littletern run ${model} ${ten}`,
  "npx littletern convert yours.onnx -o yours.tern",
  "npx littletern doctor",
]);

function title(text: string): void {
  printLines(["", `── ${text} ${"─".repeat(Math.max(0, 75 - text.length))}`, ""]);
}
