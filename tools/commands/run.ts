import { defineCommand } from "citty";
import { shown } from "../../host/base/printable.ts";
import { inspect, type Output, type OutputDescription, type Program, readBlob, v8 } from "../../host/index.ts";
import { plainModule } from "../../host/node.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { checkOutputs, writeFileAtomic, writeFilesAtomic } from "../files/outputs.ts";
import { nameOf, STDIO, takeStdout } from "../files/stdio.ts";
import { writeNpy } from "../inputs/npy.ts";
import { pictureOf, readSamples, type Samples } from "../inputs/samples.ts";
import { JSON_ARG } from "../options/json.ts";
import { engineOption, SESSION_ARGS, workOption } from "../options/sessions.ts";
import { UsageError } from "../options/usage.ts";
import { formatProfile, formatRepacking, namedProfile } from "../profile.ts";
import { placeBeside } from "../terminal/beside.ts";
import { type ColourBits, colourBits } from "../terminal/colours.ts";
import type { Text } from "../terminal/paint.ts";
import { drawPicture } from "../terminal/picture.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { drawScores } from "../terminal/scores.ts";
import { plural } from "../terminal/table.ts";
import { runSamples } from "../threads/run_samples.ts";

/** Rows that are shown where --all does not ask for more. */
const SHOWN_ROWS = 10;

export const EXAMPLE = "run model.tern picture.png";

export default defineCommand({
  meta: { name: "run", description: "Run a blob on inputs" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    input: {
      type: "positional",
      required: true,
      description: "Samples: .npy, idx or PNG, also in gzip",
    },
    out: { type: "string", alias: "o", valueHint: "out.npy", description: "Write the outputs of all rows to a file" },
    ...SESSION_ARGS,
    all: { type: "boolean", description: `Show all rows, not just ${SHOWN_ROWS}` },
    profile: { type: "boolean", description: "Show the time of every op" },
    ...JSON_ARG,
  },
  async run({ args }) {
    takeStdout(args.out);
    const inputs = { model: args.model, input: args.input };
    if (args.out !== undefined) checkOutputs([args.out], inputs);
    const engine = engineOption(args.engine);
    const blob = await readModel(args.model);
    const maxOperations = workOption(args["limit-work"]);
    const program = await namingFiles({ model: args.model }, async () => readBlob(blob));
    const paths = args.out === undefined ? [] : outputPaths(args.out, program.outputs.length);
    checkOutputs(paths, inputs);
    const samples = await showWork(`Reading ${nameOf(args.input)}`, () => readSamples(args.input, program));
    const options = { blob, weights: args.weights, engine, maxOperations };
    const { outputs, ms, times, about } = await runSamples(
      program,
      samples,
      options,
      args.profile ? PROFILE_MS : undefined,
    );
    const profile = times
      ? namedProfile(times, samples.rows, await inspect(blob, await plainModule(blob), v8, { maxOperations }))
      : undefined;
    const files = paths.map((path, i) => ({ path, bytes: writeNpy(toArray(program, outputs[i]!, i, samples.rows)) }));
    if (args.out === STDIO) await writeFileAtomic(STDIO, files[0]!.bytes);
    else await writeFilesAtomic(files);
    const { engine: ran, repacked, repackMs } = about;
    const ends = { engine: ran, input: samples.meaning, rows: samples.rows, ms, outputs: outputs.map(toJson) };
    printResult(
      args.json,
      () => ({ ...ends, profile, ...(profile && { repacked, repackMs }) }),
      () => [
        samples.meaning,
        ...(args.out === undefined ? formatRows(program, samples, outputs, args.all ? samples.rows : SHOWN_ROWS) : []),
        ...(profile ? [...formatProfile(profile, samples.rows), ...formatRepacking(about, profile), ""] : []),
        ...(paths.length === 0 || process.stdout.isTTY ? [formatSummary(samples.rows, about.engine, ms, paths)] : []),
      ],
    );
  },
});

/** A profile takes so long altogether, so that short runs can be told from noise. */
const PROFILE_MS = 300;
/** "10 rows in v8, 1.2 ms". */
function formatSummary(rows: number, engine: string, ms: number, paths: string[]): string {
  const time = ms < 1000 ? `${ms.toPrecision(2)} ms` : `${(ms / 1000).toFixed(2)} s`;
  return `${plural(rows, "row")} in ${engine}, ${time}${paths.length > 0 ? ` → ${paths.join(", ")}` : ""}`;
}

/** One path per output: "out.npy", or "out.0.npy" and so on for several. */
function outputPaths(path: string, count: number): string[] {
  if (count > 1 && path === STDIO)
    throw new UsageError(`--out "${STDIO}": there are ${count} outputs, and one standard output`);
  return count === 1 ? [path] : Array.from({ length: count }, (_, i) => path.replace(/(\.npy)?$/, `.${i}$1`));
}

/**
 * What the checkpoint's output is, as f32; of an index, or without a description, the elements that the module left. The batch is the first
 * axis.
 */
function toArray(program: Program, { shape, scores, elements }: Output, index: number, rows: number) {
  const all = [rows, ...shape];
  const kind = program.description?.outputs[index]?.kind;
  if (kind === "scores" || kind === "codes") return { shape: all, dtype: "f32" as const, data: scores };
  const { dtype } = program.tensors[program.outputs[index]!]!;
  if (dtype === "u8") return { shape: all, dtype, data: Uint8Array.from(elements) };
  if (dtype === "i32") return { shape: all, dtype, data: elements };
  return { shape: all, dtype: "i8" as const, data: Int8Array.from(elements) }; // i8, or ±1 of bits
}

function toJson({ name, shape, scores, elements }: Output) {
  return { name, shape, scores: Array.from(scores), elements: Array.from(elements) };
}

function formatRows(program: Program, samples: Samples, outputs: Output[], limit: number): Text[] {
  const shown = Array.from({ length: Math.min(samples.rows, limit) }, (_, row) => [
    ...(samples.rows > 1 ? [`row ${row}`] : []),
    ...formatRow(program, samples, outputs, row),
    "",
  ]);
  const more = samples.rows - shown.length;
  return [...shown.flat(), ...(more > 0 ? [`${plural(more, "more row")}: --all shows them`] : [])];
}

/** The picture of a row, if it is one, and what came out; side by side where the screen is wide enough. */
export function formatRow(program: Program, samples: Samples, outputs: Output[], row: number): Text[] {
  const colours = colourBits(process.stdout, process.env);
  const results = outputs.flatMap((output, i) => {
    const title = outputs.length > 1 ? [`${shown(output.name)}:`] : [];
    return [...title, ...formatOutput(output, program.description?.outputs[i], row, samples.rows, colours)];
  });
  const picture = pictureOf(samples, row);
  if (!picture) return results;
  const { lines, columns } = drawPicture(picture, colours);
  return placeBeside(lines, columns, results);
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
  if (description?.kind !== "index") {
    const classes = description?.classes?.length === channels ? description.classes : undefined; // one score has two
    return drawScores(own, colours, classes);
  }
  return [`class ${shown(description.classes?.[own[0]!] ?? String(own[0]))}`];
}
