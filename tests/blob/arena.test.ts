import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { lifetimes } from "../../host/lifetimes.ts";
import type { Op, Program, QuantizeOp } from "../../host/program.ts";
import { rowStride } from "../../host/shape.ts";
import { Random } from "../graph/random.ts";
import { programOf, thresholds } from "../module/programs.ts";

/** A copy of u8 codes below 5. */
const copy = (input: number, output: number): QuantizeOp => ({
  kind: "quantize",
  inputs: [input],
  output,
  post: thresholds({ base: 0, up: [1, 2, 3, 4] }),
});

/** Tensors of u8 at `places`, [fixed, perRow], each 16 channels unless told. */
function program(
  places: [fixed: number, perRow: number, channels?: number][],
  ops: Op[],
  { inputs = [0], outputs = [places.length - 1], maxRows = 4 } = {},
): Program {
  const made = programOf(
    places.map(([, , channels = 16]) => ["u8", channels]),
    ops,
    { inputs, outputs, maxRows },
  );
  places.forEach(([fixed, perRow], t) => {
    Object.assign(made.tensors[t]!, { fixed, perRow });
  });
  return { ...made, arena: { fixed: 1024, perRow: 1024 } };
}

function refusal(made: Program): string | undefined {
  try {
    readBlob(writeBlob(made));
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(BlobError);
    return (error as BlobError).message;
  }
}

const CHAIN = [copy(0, 1), copy(1, 2)];

describe("the reader accepts", () => {
  it.each<[string, Program]>([
    [
      "tensors that take the place of dead ones",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 0],
        ],
        CHAIN,
      ),
    ],
    [
      "an input that is an output",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1)],
        { outputs: [0, 1] },
      ),
    ],
    [
      "a tensor that is two outputs",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1)],
        { outputs: [1, 1] },
      ),
    ],
    [
      "an output that an op reads",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 32],
        ],
        CHAIN,
        { outputs: [1, 2] },
      ),
    ],
    [
      "an input that nothing reads",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 32],
        ],
        [copy(0, 2)],
        { inputs: [0, 1] },
      ),
    ],
    [
      "a tensor without use, anywhere",
      program(
        [
          [0, 0],
          [0, 0],
          [0, 16],
        ],
        [copy(0, 2)],
      ),
    ],
    [
      "tensors that meet at one end of the rows",
      program(
        [
          [0, 16],
          [64, 16],
        ],
        [copy(0, 1)],
        { maxRows: 4 },
      ),
    ],
  ])("%s", (_, made) => {
    expect(refusal(made)).toBeUndefined();
  });
});

describe("the reader refuses", () => {
  it.each<[string, Program, string]>([
    [
      "an output on an input that is still read",
      program(
        [
          [0, 0],
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1), copy(0, 2)],
      ),
      "tensors",
    ],
    [
      "two outputs in one place",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 16],
        ],
        CHAIN,
        { outputs: [1, 2] },
      ),
      "overlap",
    ],
    [
      "two inputs in one place",
      program(
        [
          [0, 0],
          [0, 0],
          [0, 16],
        ],
        [copy(0, 2)],
        { inputs: [0, 1] },
      ),
      "overlap",
    ],
    [
      "an input that is an output and is overwritten",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 0],
        ],
        CHAIN,
        { outputs: [0, 2] },
      ),
      "overlap",
    ],
    [
      "a result that nobody reads on one that somebody does",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 16],
          [0, 32],
        ],
        [copy(0, 1), copy(0, 2), copy(1, 3)],
      ),
      "overlap",
    ],
    [
      "a wide tensor under several",
      program(
        [
          [0, 64],
          [0, 96],
          [0, 0, 256],
          [0, 256],
        ],
        [copy(0, 3)],
        { inputs: [0, 1, 2] },
      ),
      "overlap",
    ],
    [
      "an overlap at one row alone",
      program(
        [
          [32, 0],
          [0, 32],
        ],
        [copy(0, 1)],
      ),
      "with 1 rows",
    ],
    [
      "an overlap at the most rows alone",
      program(
        [
          [0, 16],
          [48, 16],
        ],
        [copy(0, 1)],
        { maxRows: 4 },
      ),
      "with 4 rows",
    ],
    [
      "tensors that change places between",
      program(
        [
          [0, 512],
          [640, 0],
        ],
        [copy(0, 1)],
      ),
      "with 4 rows",
    ],
    [
      "a tensor that is read before it is written",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 32],
        ],
        [copy(1, 2), copy(0, 1)],
      ),
      "op 0 reads tensor 1, which holds nothing yet",
    ],
    [
      "an op that reads what nothing writes",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 32],
        ],
        [copy(1, 2)],
      ),
      "op 0 reads tensor 1, which holds nothing yet",
    ],
    [
      "an output that nothing writes",
      program(
        [
          [0, 0],
          [0, 16],
          [0, 32],
        ],
        [copy(0, 1)],
      ),
      "output tensor 2, which nothing writes",
    ],
    [
      "an op that writes an input",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1), copy(1, 0)],
      ),
      "op 1 writes tensor 0 a second time",
    ],
    [
      "a tensor that two ops write",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1), copy(0, 1)],
      ),
      "op 1 writes tensor 1 a second time",
    ],
    [
      "an op that writes what it reads",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 0)],
      ),
      "op 0 writes tensor 0 a second time",
    ],
    [
      "an input twice",
      program(
        [
          [0, 0],
          [0, 16],
        ],
        [copy(0, 1)],
        { inputs: [0, 0] },
      ),
      "tensor 0 is an input twice",
    ],
  ])("%s", (_, made, why) => {
    expect(refusal(made)).toContain(why);
  });
});

/** Whether, at every number of rows, of any two tensors that are alive together the same one lies behind the other. */
function isSound({ tensors, ops, inputs, outputs, maxRows }: Program): boolean {
  const lives = lifetimes(tensors.length, ops, inputs, outputs);
  const start = (t: number, rows: number) => tensors[t]!.fixed + tensors[t]!.perRow * rows;
  const isBehind = (a: number, b: number, rows: number) =>
    start(b, rows) + rowStride(tensors[b]!) * rows <= start(a, rows);
  const allRows = Array.from({ length: maxRows }, (_, i) => i + 1);
  for (let a = 0; a < tensors.length; a++) {
    for (let b = 0; b < a; b++) {
      const together = lives[a]!.first <= lives[b]!.last && lives[b]!.first <= lives[a]!.last;
      if (!together) continue;
      if (!allRows.every((rows) => isBehind(a, b, rows)) && !allRows.every((rows) => isBehind(b, a, rows)))
        return false;
    }
  }
  return true;
}

it("it accepts a layout exactly if it is sound at every number of rows", () => {
  const count = { sound: 0, unsound: 0 };
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const inputs = random.int(1, 3);
      const tensors = inputs + random.int(1, 6);
      const places = Array.from({ length: tensors }, (): [number, number] => [
        16 * random.pick([0, 0, 0, 1, 5, 20]),
        16 * random.int(0, 12),
      ]);
      const made = program(
        places,
        Array.from({ length: tensors - inputs }, (_, i) => copy(random.int(0, inputs + i - 1), inputs + i)),
        {
          inputs: Array.from({ length: inputs }, (_, i) => i),
          outputs: [tensors - 1, random.int(0, tensors - 1)],
          maxRows: random.int(1, 7),
        },
      );
      const sound = isSound(made);
      count[sound ? "sound" : "unsound"]++;
      expect(refusal(made) === undefined, `seed ${seed}`).toBe(sound);
    }),
    { numRuns: 2000, seed: 1 },
  );
  expect(Math.min(count.sound, count.unsound)).toBeGreaterThan(200);
});

it("it takes no second for 65,535 tensors, half of them alive together", () => {
  const half = 32_767;
  const post = thresholds({ base: 0 });
  // Each new one lies before all others, so that most of them move.
  const places = Array.from({ length: half }, (_, i): [number, number] => [0, 16 * (half - i)]);
  const dead = Array.from({ length: half }, (): [number, number] => [0, 0]);
  const ops = places.map((_, i) => ({ ...copy(0, 1 + i), post }));
  const readers = places.map((_, i) => ({ ...copy(1 + i, 1 + half + i), post }));
  const made = program([[0, 16 * (half + 1)], ...places, ...dead], [...ops, ...readers]);
  const blob = writeBlob({ ...made, arena: { fixed: 0, perRow: 2 ** 20 } });
  const start = process.cpuUsage();
  readBlob(blob);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(2); // seconds; 0.6 were measured
});
