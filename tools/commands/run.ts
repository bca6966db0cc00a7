import { resolve } from "node:path";
import { defineCommand } from "citty";
import { inspect, type Output, type OutputDescription, type Program, type Session, v8 } from "../../host/index.ts";
import { plainModule } from "../../host/node.ts";
import { readFile, writeFileAtomic } from "../files.ts";
import { writeNpy } from "../inputs/npy.ts";
import { formatProfile, formatRepacking, profileOf } from "../profile.ts";
import { pictureOf, readSamples, type Samples } from "../samples.ts";
import { engineOption, openSession, SESSION_ARGS, workOption } from "../sessions.ts";
import { placeBeside } from "../terminal/beside.ts";
import { type ColourBits, colourBits } from "../terminal/colours.ts";
import { drawPicture } from "../terminal/picture.ts";
import { printResult } from "../terminal/print.ts";
import { startProgress } from "../terminal/progress.ts";
import { drawScores } from "../terminal/scores.ts";
import { plural } from "../terminal/table.ts";
import { UsageError } from "../usage.ts";

/** Rows that are shown where --all does not ask for more. */
const SHOWN_ROWS = 10;

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
    const engine = engineOption(args.engine);
    const blob = await readFile(args.model);
    const maxOperations = workOption(args["limit-work"]);
    const session = await openSession(blob, { weights: args.weights, engine, maxOperations });
    const samples = readSamples(args.input, session.program);
    const outputs = runSamples(session, samples);
    const profile = args.profile
      ? profileOf(session, samples, await inspect(blob, await plainModule(blob), v8, { maxOperations }))
      : undefined;
    if (args.out !== undefined) {
      for (const [i, path] of outputPaths(args.out, outputs.length).entries()) {
        await writeFileAtomic(path, writeNpy(toArray(session.program, outputs[i]!, i, samples.rows)));
      }
    }
    const { program, repacked, repackMs } = session;
    const repacking = profile && { repacked, repackMs };
    printResult(
      args.json,
      () => ({ engine: session.engine, rows: samples.rows, outputs: outputs.map(toJson), profile, ...repacking }),
      () => [
        ...(args.out === undefined ? formatRows(program, samples, outputs, args.all ? samples.rows : SHOWN_ROWS) : []),
        ...(profile ? [...formatProfile(profile, samples.rows), ...formatRepacking(session, profile)] : []),
      ],
    );
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

function formatRows(program: Program, samples: Samples, outputs: Output[], limit: number): string[] {
  const shown = Array.from({ length: Math.min(samples.rows, limit) }, (_, row) => [
    ...(samples.rows > 1 ? [`row ${row}`] : []),
    ...formatRow(program, samples, outputs, row),
    "",
  ]);
  const more = samples.rows - shown.length;
  return [...shown.flat(), ...(more > 0 ? [`${plural(more, "more row")}: --all shows them`] : [])];
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
