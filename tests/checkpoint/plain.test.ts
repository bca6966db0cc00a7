import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { convert } from "../../host/convert.ts";
import { verify } from "../../host/verify.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { disposeAll, openSessions } from "../sessions.ts";

// Networks of plain ops and of ONNX's own quantizers, as people and tools beside Brevitas write them. What they answer was
// computed by others, and is compared with onnxruntime where that is here (tests/oracle).

const FOLDER = join(import.meta.dirname, "plain");
const readFile = (name: string) => readFileSync(join(FOLDER, name));
const readNpy = (name: string) => readInput(readFile(name), name).data as Float32Array;
const INPUTS = new Set(readdirSync(FOLDER).filter((name) => name.endsWith("x.npy")));

/** What the files are about: the weights that are found, what an option has to declare. */
const FILES: Record<string, { found: string[]; inputQuantizer?: string }> = {
  affine: { found: ["on-grid 2"], inputQuantizer: "scale=1,bits=2,signed" },
  bitnet_absmean_graph: { found: ["integers 2"] },
  folded_grid: { found: ["bare 4"] },
  int8_cast_mul: { found: ["integers 8"] },
  qdq_dense: { found: ["integers 8"] },
  qdq_zero_points: { found: ["integers 8", "integers 8"] },
  sign_bnn: { found: ["bare 1", "bare 1"] },
  sign_on_weights: { found: ["bare 1", "bare 1"] },
};

it("is told of every file", () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".onnx"));
  expect(names.map((name) => name.slice(0, -5)).sort()).toEqual(Object.keys(FILES));
});

describe.each(Object.entries(FILES))("%s", (name, { found, inputQuantizer }) => {
  it("computes what others do, in every session", async () => {
    const checkpoint = readFile(`${name}.onnx`);
    const conversion = await convert(checkpoint, { file: name, ...(inputQuantizer && { inputQuantizer }) });
    const { blob, program, weights } = conversion;
    expect(weights.map((tensor) => `${tensor.found} ${tensor.bits}`)).toEqual(found);
    expect(readBlob(blob).description).toEqual(program.description);

    const own = `${name}.x.npy`;
    const inputs = [readNpy(INPUTS.has(own) ? own : "x.npy")];
    const sessions = await openSessions(blob);
    const { sha256 } = program.description!.source;
    expect(verify({ blob: program, checkpoint, sha256, sessions, inputs }).differences).toEqual([]);

    const scores = sessions.reference!.run(inputs[0]!)[0]!.scores!;
    disposeAll(sessions);
    const theirs = readNpy(`${name}.expected.npy`);
    expect(scores).toHaveLength(theirs.length);
    for (const [i, score] of theirs.entries()) expect(scores[i], `score ${i}`).toBeCloseTo(score, 5); // of f32, in their order
  });
});
