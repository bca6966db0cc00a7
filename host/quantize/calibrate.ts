import { InputError } from "../base/errors.ts";
import { evaluate } from "../graph/evaluate.ts";
import type { Graph } from "../graph/graph.ts";
import { inputPicture } from "../graph/shapes.ts";
import { elementCount } from "../shape.ts";
import { quantizedValues } from "./int8.ts";
import type { Range } from "./ranges.ts";

/** Samples that show which numbers occur in a float network. */
export interface Calibration {
  /** Real numbers of each input, (rows, height, width, channels). */
  inputs: readonly Float32Array[];
  /** Share of the numbers of a value, in percent, that its range holds; all if not given. What lies outside becomes its nearest code. */
  percentile?: number;
}

/** Rows that are evaluated at a time: all values of them are kept. */
const BATCH_ROWS = 8;
/** Rows that the int8 network is compared on. */
const COMPARED_ROWS = 64;
/** Numbers of a value that a percentile is taken of, evenly from all. */
const MAX_SAMPLED = 2 ** 17;

/** The range of every value that becomes codes (`quantizedValues`). Throws InputError for samples that are none, and for a network that has all its quantizers. */
export function calibrate(graph: Graph, calibration: Calibration): Range[] {
  const values = quantizedValues(graph);
  if (values.length === 0) {
    throw new InputError(
      "calibration: the network has its own quantizers wherever it needs one, expected one of floats",
    );
  }
  const rows = rowsOf(graph, calibration);
  const kept = values.map(() => new Sampled(rows, calibration.percentile ?? 100));
  for (const batch of batches(calibration.inputs, rows)) {
    const numbers = evaluate({ ...graph, outputs: values }, batch.inputs, batch.rows);
    numbers.forEach((each, i) => {
      kept[i]!.add(each);
    });
  }
  return kept.map((each) => each.range());
}

/** How near the int8 network comes to the float one, in a sentence: by all their outputs, and by which number of the first is the greatest. */
export function compare(float: Graph, int8: Graph, { inputs }: Calibration): string {
  const all = rowsOf(float, { inputs });
  const rows = Math.min(all, COMPARED_ROWS);
  let [same, difference, greatest, channels] = [0, 0, 0, 0];
  const some = inputs.map((each) => each.subarray(0, (rows * each.length) / all));
  for (const batch of batches(some, rows)) {
    const expected = evaluate(scored(float), batch.inputs, batch.rows);
    const found = evaluate(scored(int8), batch.inputs, batch.rows);
    expected.forEach((numbers, output) => {
      numbers.forEach((x, i) => {
        difference = Math.max(difference, Math.abs(x - found[output]![i]!));
        greatest = Math.max(greatest, Math.abs(x));
      });
    });
    channels = expected[0]!.length / batch.rows;
    for (let first = 0; first < expected[0]!.length; first += channels) {
      const [a, b] = [expected, found].map(([scores]) => indexOfGreatest(scores!.subarray(first, first + channels)));
      if (a === b) same++;
    }
  }
  const [far, wide] = [difference, greatest].map((x) => Number(x.toPrecision(3)));
  const classes = channels > 1 ? `${same} of ${rows} samples keep their greatest output, and ` : "";
  return `${classes}no output of ${rows} samples moves by more than ${far}, among numbers of up to ${wide}`;
}

/** The graph with the scores as outputs where they are indices of these. */
function scored(graph: Graph): Graph {
  const scores = new Map(
    graph.nodes.filter(({ op }) => op === "argmax").map(({ output, inputs }) => [output, inputs[0]!]),
  );
  return { ...graph, outputs: graph.outputs.map((output) => scores.get(output) ?? output) };
}

function indexOfGreatest(row: Float32Array): number {
  return row.reduce((best, x, i) => (x > row[best]! ? i : best), 0);
}

/** Rows of the samples, as many of each input. */
function rowsOf(graph: Graph, { inputs }: Pick<Calibration, "inputs">): number {
  if (inputs.length !== graph.inputs.length) {
    throw new InputError(`calibration: found ${inputs.length} inputs, expected ${graph.inputs.length}`);
  }
  const counts = graph.inputs.map((input, i) => inputs[i]!.length / elementCount(inputPicture(input)));
  const [rows] = counts as [number];
  if (rows >= 1 && Number.isInteger(rows) && counts.every((count) => count === rows)) return rows;
  throw new InputError(`calibration: found ${counts.join(", ")} rows, expected as many whole ones of each input`);
}

function* batches(inputs: readonly Float32Array[], rows: number): Generator<{ inputs: Float32Array[]; rows: number }> {
  for (let first = 0; first < rows; first += BATCH_ROWS) {
    const end = Math.min(first + BATCH_ROWS, rows);
    yield {
      rows: end - first,
      inputs: inputs.map((all) => all.subarray((first * all.length) / rows, (end * all.length) / rows)),
    };
  }
}

/** The least and greatest of many numbers, or of a share of them. */
class Sampled {
  readonly #share: number;
  readonly #rows: number;
  #least = Infinity;
  #greatest = -Infinity;
  readonly #sampled: number[] = [];
  #step = 0;
  #seen = 0;

  constructor(rows: number, percentile: number) {
    this.#rows = rows;
    this.#share = percentile / 100;
  }

  add(numbers: Float32Array): void {
    for (const x of numbers) {
      if (x < this.#least) this.#least = x;
      if (x > this.#greatest) this.#greatest = x;
    }
    if (this.#share === 1) return;
    // the first batch has as many rows as any
    this.#step ||= Math.max(
      1,
      Math.ceil((numbers.length * this.#rows) / Math.min(this.#rows, BATCH_ROWS) / MAX_SAMPLED),
    );
    for (const x of numbers) if (this.#seen++ % this.#step === 0) this.#sampled.push(x);
  }

  range(): Range {
    if (this.#share === 1) return [this.#least, this.#greatest];
    const sorted = Float32Array.from(this.#sampled).sort();
    const outside = Math.floor((1 - this.#share) * sorted.length);
    return [sorted[outside]!, sorted[sorted.length - 1 - outside]!];
  }
}
