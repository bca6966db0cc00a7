import { createHash } from "node:crypto";
import { defineCommand } from "citty";
import {
  type Difference,
  readBlob,
  type SelfTestResult,
  sampleInputs,
  selfTest,
  type Verification,
  verify,
} from "../../host/index.ts";
import { readFile } from "../files.ts";
import { readSamples } from "../samples.ts";
import { openAll } from "../sessions.ts";
import { printResult } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { formatCount, formatTable, plural } from "../terminal/table.ts";
import { wrapText } from "../terminal/wrap.ts";
import { countOption } from "../usage.ts";

/** Seeded samples where none are given, and the most of them: all are made at once. */
const SAMPLES = 256;
const MAX_SAMPLES = 65_536;

/** What a proof found. */
export interface Proof extends Verification {
  /** What each session made of the golden pairs that the blob carries. */
  selfTest: Record<string, SelfTestResult>;
  /** Engines that are not here, and why. */
  missing: string[];
}

/** Proves a blob against its checkpoint in every engine that is here, on samples from a file or on seeded ones. */
export async function prove(model: string, checkpoint: string, inputs?: string, limit?: number): Promise<Proof> {
  const [blob, source] = [await readFile(model), await readFile(checkpoint)];
  const program = readBlob(blob);
  const samples = inputs
    ? [(await readSamples(inputs, program, limit)).elements]
    : sampleInputs(program, limit ?? SAMPLES);
  const { sessions, missing } = await openAll(blob);
  const rows = samples[0]!.length / program.tensors[program.inputs[0]!]!.channels;
  const progress = startProgress("Verifying", rows);
  try {
    const verification = verify({
      blob: program,
      checkpoint: source,
      sha256: createHash("sha256").update(source).digest("hex"),
      sessions,
      inputs: samples,
      onProgress: (done) => progress.update(done),
    });
    const pairs = Object.entries(sessions).map(([name, session]) => [name, selfTest(session)] as const);
    return { ...verification, selfTest: Object.fromEntries(pairs), missing };
  } finally {
    progress.end();
    for (const session of Object.values(sessions)) session.dispose();
  }
}

/** Whether nothing differs; and nothing is missing, where TERN_REQUIRE_ALL=1 asks for that. */
export function isProven({ differences, selfTest, missing }: Proof): boolean {
  const complete = missing.length === 0 || process.env.TERN_REQUIRE_ALL !== "1";
  return complete && differences.length === 0 && Object.values(selfTest).every(({ wrong }) => wrong.length === 0);
}

export function formatProof(proof: Proof): string[] {
  const lines = proof.sessions.map((name) => {
    const differs = proof.differences.some(({ session }) => session === name);
    const { pairs, wrong } = proof.selfTest[name]!;
    const right = `self-test: ${pairs - wrong.length} of ${pairs} right`;
    return [`  ${name}`, differs ? "differs" : "equal", pairs > 0 ? right : ""];
  });
  return [
    `${plural(proof.samples, "sample")}, ${formatCount(proof.compared)} numbers compared in each of ${plural(lines.length, "session")}:`,
    ...formatTable("lll", lines),
    ...proof.differences.map(formatDifference),
    ...proof.missing.flatMap((why) => wrapText(`  missing: ${why}`)),
    ...(proof.sameSource ? [] : ["warning: the blob was made from another file than this checkpoint"]),
    isProven(proof) ? "The blob computes what the checkpoint computes." : "NOT PROVEN.",
  ];
}

function formatDifference({ session, what, value, sample, channel, found, expected }: Difference): string {
  return `${session}: ${what} "${value}", sample ${sample}, channel ${channel}: found ${found}, expected ${expected}`;
}

export default defineCommand({
  meta: {
    name: "verify",
    description: "Prove that a blob computes what its checkpoint computes",
  },
  args: {
    model: { type: "positional", required: true, description: "Blob, as `tern convert` writes it" },
    checkpoint: { type: "positional", required: true, description: "The checkpoint that it was made from" },
    inputs: { type: "string", valueHint: "file", description: "Samples: .npy, idx or PNG; else seeded ones" },
    limit: {
      type: "string",
      valueHint: "N",
      description: `Take N samples, else all, or ${SAMPLES} seeded ones`,
    },
    json: { type: "boolean", description: "Print the result as JSON" },
  },
  async run({ args }) {
    const limit = countOption("limit", args.limit, args.inputs ? undefined : MAX_SAMPLES);
    const proof = await prove(args.model, args.checkpoint, args.inputs, limit);
    printResult(
      args.json,
      () => ({ proven: isProven(proof), ...proof }),
      () => formatProof(proof),
    );
    if (!isProven(proof)) process.exitCode = 1;
  },
});
