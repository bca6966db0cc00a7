import { beforeAll, expect, it } from "vitest";
import { InputError } from "../../host/base/errors.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { decodeModel, encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import type { Description, Program } from "../../host/program.ts";
import { runReference } from "../../host/reference/model.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { type Verification, verify } from "../../host/verify.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { randomOnnx } from "../random_graph.ts";
import { disposeAll, openSessions } from "../sessions.ts";

let program: Program;
let inputs: Uint8Array[];

beforeAll(async () => {
  program = (await convert(DIGITS, { file: "digits.onnx" })).program;
  const samples = sampleInputs(program, 90)[0] as Uint8Array;
  inputs = [Uint8Array.from([...IMAGES, ...samples])]; // more than one chunk, and more than maxRows
});

async function verified(blob: Program, checkpoint: Uint8Array, sha256 = ""): Promise<Verification> {
  const sessions = await openSessions(writeBlob(blob));
  try {
    return verify({ blob, checkpoint, sha256, sessions, inputs });
  } finally {
    disposeAll(sessions);
  }
}

/** Every session reports this one difference. */
function expectEverywhere({ differences, sessions }: Verification, expected: object): void {
  expect(sessions.length).toBeGreaterThan(1);
  expect(differences.map(({ session }) => session)).toEqual(sessions);
  for (const difference of differences) expect(difference).toMatchObject(expected);
}

/** The first element in which a tensor differs between `program` and `changed` for `inputs`, if there is one. */
function firstDifference(changed: Program, tensor: number): object | undefined {
  const rows = inputs[0]!.length / program.tensors[program.inputs[0]!]!.channels;
  const [a, b] = [program, changed].map((each) => runReference(each, inputs, rows).tensors[tensor]!) as [
    Int32Array,
    Int32Array,
  ];
  const at = a.findIndex((element, i) => element !== b[i]);
  if (at < 0) return undefined;
  const { channels } = program.tensors[tensor]!;
  const offset = program.description!.tensors[tensor]!.offset[0]!;
  return {
    sample: Math.floor(at / channels),
    channel: at % channels,
    expected: a[at]! + offset,
    found: b[at]! + offset,
  };
}

it("what was converted has no difference", async () => {
  const { sha256 } = program.description!.source;
  const result = await verified(program, DIGITS, sha256);
  expect(result).toMatchObject({ samples: 100, differences: [], sameSource: true });
  const perSample = program.tensors.reduce((sum, { channels }) => sum + channels, 0) - 256 + 10; // all but the input; scores
  expect(result.compared).toBe(100 * perSample);
});

it.each([
  [0, "dense1.activation", "codes"],
  [1, "dense2.activation", "codes"],
  [2, "dense3", "accumulators"],
])("the sign of one weight of op %i", async (index, value, what) => {
  const changed = structuredClone(program);
  const op = changed.ops[index]!;
  if (op.kind !== "dense") throw new Error(op.kind);
  const columns = program.tensors[op.inputs[0]!]!.channels;
  let located: object | undefined;
  for (let i = 5 * columns; !located; i++) {
    op.weights[i]! *= -1; // of channel 5; most of its weights change no code for these inputs
    located = firstDifference(changed, op.output);
    if (!located) op.weights[i]! *= -1;
  }
  expectEverywhere(await verified(changed, DIGITS), { value, what, ...located, channel: 5 });
});

it.each([
  [0, "dense1.activation"],
  [1, "dense2.activation"],
])("one threshold of op %i", async (index, value) => {
  const changed = structuredClone(program);
  const op = changed.ops[index]!;
  if (op.kind === "argmax" || op.post?.kind !== "thresholds") throw new Error(op.kind);
  const { steps, count } = op.post;
  steps[7 * count] = steps[7 * count + 1]!; // channel 7 goes from its first code to its third
  expectEverywhere(await verified(changed, DIGITS), {
    value,
    what: "codes",
    ...firstDifference(changed, op.output),
    channel: 7,
  });
});

it("a scale in the description, by 3 units in the last place", async () => {
  const changed = structuredClone(program);
  const [output] = changed.description!.outputs as [Description["outputs"][number]];
  output.scale = Array.from({ length: 10 }, (_, c) => output.scale[0]! * (c === 4 ? 1 + 2 ** -18 : 1));
  expectEverywhere(await verified(changed, DIGITS), { value: "scores", what: "scores", channel: 4 });
});

it("a checkpoint that differs in one channel", async () => {
  const file = decodeModel(DIGITS);
  const weights = file.graph!.initializer.find(({ name }) => name === "dense2.weight")!; // (64, 64)
  weights.raw_data = weights.raw_data!.map((byte, i) => (i >> 8 === 9 && i % 4 === 3 ? byte ^ 0x80 : byte)); // signs of row 9
  const result = await verified(program, encodeModel(file), "of another file");
  expect(result.sameSource).toBe(false);
  expectEverywhere(result, { value: "dense2.activation", what: "codes", channel: 9 });
});

it("a checkpoint of another network cannot be compared", async () => {
  await expect(verified(program, randomOnnx(1))).rejects.toThrow(InputError);
});

it("a blob without description cannot be compared", async () => {
  const { description: _, selfTest: __, ...bare } = program;
  await expect(verified(bare, DIGITS)).rejects.toThrow("no description");
});
