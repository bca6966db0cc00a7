import { resolve } from "node:path";
import { defineCommand } from "citty";
import {
  type Inspection,
  inspect,
  type Output,
  type OutputDescription,
  type Program,
  type Session,
  v8,
} from "../../host/index.ts";
import { readModule } from "../../host/node.ts";
import { readFile, writeFileAtomic } from "../files.ts";
import { writeNpy } from "../inputs/npy.ts";
import { pictureOf, readSamples, type Samples } from "../samples.ts";
import { openSession, SESSION_ARGS } from "../sessions.ts";
import { placeBeside } from "../terminal/beside.ts";
import { type ColourBits, colourBits } from "../terminal/colours.ts";
import { drawPicture } from "../terminal/picture.ts";
import { startProgress } from "../terminal/progress.ts";
import { drawScores } from "../terminal/scores.ts";
import { formatCount, formatShare, formatTable, plural } from "../terminal/table.ts";
import { UsageError } from "../usage.ts";

/** Rows that are shown where --all does not ask for more. */
const SHOWN_ROWS = 10;

/** A profile repeats a run until it took so long, so that short runs can be told from noise. */
const PROFILE_MS = 300;

export default defineCommand({
  meta: { name: "run", description: "Run a blob on inputs" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as `tern convert` writes it" },
    input: {
      type: "positional",
      required: true,
      description: "Samples: .npy, idx or PNG, also in gzip",
    },
    out: { type: "string", alias: "o", valueHint: "out.npy", description: "Write the outputs of all rows to a file" },
    ...SESSION_ARGS,
    all: { type: "boolean", description: `Show all rows, not just ${SHOWN_ROWS}` },
    profile: { type: "boolean", description: "Show the time of every op" },
    json: { type: "boolean", description: "Print the outputs as JSON" },
  },
  async run({ args }) {
    if (args.out && resolve(args.out) === resolve(args.input)) throw new UsageError("--out is the input itself");
    const blob = await readFile(args.model);
    const session = await openSession(blob, args);
    const samples = await readSamples(args.input, session.program);
    const outputs = runSamples(session, samples);
    const profile = args.profile ? profileOf(session, samples, await inspect(blob, await readModule(), v8)) : undefined;
    if (args.out !== undefined) {
      for (const [i, path] of outputPaths(args.out, outputs.length).entries()) {
        await writeFileAtomic(path, writeNpy(toArray(session.program, outputs[i]!, i, samples.rows)));
      }
    }
    if (args.json) {
      console.log(
        JSON.stringify({ engine: session.engine, rows: samples.rows, outputs: outputs.map(toJson), profile }, null, 2),
      );
      return;
    }
    if (args.out === undefined) {
      const shown = args.all ? samples.rows : Math.min(samples.rows, SHOWN_ROWS);
      for (let row = 0; row < shown; row++) {
        if (samples.rows > 1) console.log(`row ${row}`);
        console.log(`${formatRow(session.program, samples, outputs, row).join("\n")}\n`);
      }
      if (shown < samples.rows) console.log(`${plural(samples.rows - shown, "more row")}: --all shows them`);
    }
    if (profile) console.log(formatProfile(profile, samples.rows).join("\n"));
  },
});

function runSamples(session: Session, { elements, rows }: Samples): Output[] {
  const progress = startProgress("Running", rows);
  const outputs = session.run(elements, { onProgress: (done) => progress.update(done) });
  progress.end();
  return outputs;
}

/** One path per output: "out.npy", or "out.0.npy" and so on for several. */
function outputPaths(path: string, count: number): string[] {
  return count === 1 ? [path] : Array.from({ length: count }, (_, i) => path.replace(/(\.npy)?$/, `.${i}$1`));
}

/** Scores as f32; codes and indices as the elements that the module left. The batch is the first axis. */
function toArray(program: Program, { shape, scores, elements }: Output, index: number, rows: number) {
  const all = [rows, ...shape];
  const kind = program.description?.outputs[index]?.kind;
  if (kind === "scores") return { shape: all, dtype: "f32" as const, data: scores };
  const { dtype } = program.tensors[program.outputs[index]!]!;
  if (dtype === "u8") return { shape: all, dtype, data: Uint8Array.from(elements) };
  if (dtype === "i32") return { shape: all, dtype, data: elements };
  return { shape: all, dtype: "i8" as const, data: Int8Array.from(elements) }; // i8, or ±1 of bits
}

function toJson({ name, shape, scores, elements }: Output) {
  return { name, shape, scores: Array.from(scores), elements: Array.from(elements) };
}

/** The picture of a row, if it is one, and what came out; side by side where the screen is wide enough. */
export function formatRow(program: Program, samples: Samples, outputs: Output[], row: number): string[] {
  const colours = colourBits(process.stdout, process.env);
  const results = outputs.flatMap((output, i) => {
    const title = outputs.length > 1 ? [`${output.name}:`] : [];
    return [...title, ...formatOutput(output, program.description?.outputs[i], row, samples.rows, colours)];
  });
  const picture = pictureOf(samples, row);
  return picture ? placeBeside(drawPicture(picture, colours), Math.min(picture.width, 80), results) : results;
}

function formatOutput(
  { scores }: Output,
  description: OutputDescription | undefined,
  row: number,
  rows: number,
  colours: ColourBits,
): string[] {
  const channels = scores.length / rows;
  const own = scores.subarray(row * channels, (row + 1) * channels);
  if (description?.kind !== "index") return drawScores(own, colours, description?.classes);
  return [`class ${description.classes?.[own[0]!] ?? own[0]}`];
}

/** Time and work of one op for all rows. */
interface Profile {
  name: string;
  op: string;
  ms: number;
  macs: number;
}

/** Mean times over runs that come after a first one: by then V8 has compiled what runs. */
function profileOf(session: Session, { elements, rows }: Samples, { layers }: Inspection): Profile[] {
  const profile = new Float64Array(layers.length);
  let runs = 0;
  for (const start = performance.now(); runs === 0 || performance.now() - start < PROFILE_MS; runs++) {
    session.run(elements, { profile });
  }
  return layers.map(({ name, op, macs }, i) => ({ name, op, ms: profile[i]! / runs, macs: macs * rows }));
}

function formatProfile(profile: Profile[], rows: number): string[] {
  const total = profile.reduce((sum, { ms, macs }) => ({ ms: sum.ms + ms, macs: sum.macs + macs }), { ms: 0, macs: 0 });
  const line = (name: string, op: string, ms: number, macs: number) => [
    name,
    op,
    ms.toFixed(3),
    formatShare(ms / total.ms),
    macs > 0 ? formatCount(macs) : "",
    macs > 0 ? `${formatCount(Math.round(macs / ms / 1000))} M/s` : "",
  ];
  return formatTable("llrrrr", [
    [`op, ${plural(rows, "row")}`, "", "ms", "share", "MACs", "MACs per second"],
    ...profile.map(({ name, op, ms, macs }) => line(name, op, ms, macs)),
    line("all", "", total.ms, total.macs),
  ]);
}
