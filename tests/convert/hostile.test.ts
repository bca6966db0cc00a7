import { describe, expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import { int64Tensor } from "../../host/checkpoint/onnx/build.ts";
import { OPS } from "../../host/checkpoint/onnx/ops.ts";
import { decodeModel, encodeModel, type TensorProto } from "../../host/checkpoint/onnx/proto.ts";
import { convert } from "../../host/convert.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { DIGITS } from "../digits.ts";
import { randomOnnx } from "../random_graph.ts";
import { seedCount } from "../seeds.ts";

const FILES = seedCount(400);

/** Most processor time for one file (1 s was measured; a busy machine needs room), and most memory that all of them may leave behind. */
const MAX_SECONDS = 5;
const MAX_BYTES = 512 << 20;

/** Converts a file, or refuses it with a typed error, soon. Tells which. */
async function survives(bytes: Uint8Array, what: string): Promise<boolean> {
  const before = process.cpuUsage();
  try {
    await convert(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof TernError)) throw new Error(what, { cause: error });
    return false;
  } finally {
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6, what).toBeLessThan(MAX_SECONDS);
  }
}

describe("hostile checkpoints are converted or refused", () => {
  it("digits.onnx with bytes changed outside its weights", async () => {
    const outside = bytesOutside(DIGITS, decodeModel(DIGITS).graph!.initializer);
    const next = mulberry32(1);
    const before = process.memoryUsage.rss();
    let converted = 0;
    for (let run = 0; run < FILES; run++) {
      const bytes = DIGITS.slice();
      const changes = Array.from({ length: 1 + Math.floor(3 * next()) }, () => {
        const at = outside[Math.floor(next() * outside.length)]!;
        bytes[at]! ^= 1 << Math.floor(8 * next());
        return at;
      });
      if (await survives(bytes, `bytes ${changes}`)) converted++;
    }
    expect(converted).toBeGreaterThan(0); // names of values, for example, are free
    expect(process.memoryUsage.rss() - before).toBeLessThan(MAX_BYTES);
  });

  it("well-formed files with other numbers, sizes, operators and names", async () => {
    const before = process.memoryUsage.rss();
    for (let seed = 0; seed < FILES; seed++) {
      await survives(mutated(seed), `seed ${seed}`);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(MAX_BYTES);
  });
});

/** Offsets that lie in no tensor's data. */
function bytesOutside(file: Uint8Array, tensors: TensorProto[]): number[] {
  const inside = new Uint8Array(file.length);
  for (const { raw_data } of tensors) {
    const at = Buffer.from(file).indexOf(raw_data!);
    if (raw_data!.length > 64) inside.fill(1, at, at + raw_data!.length);
  }
  return Array.from(inside.keys()).filter((i) => inside[i] === 0);
}

/** A random network, or the digits, with one to three things about it changed. */
function mutated(seed: number): Uint8Array {
  const next = mulberry32(seed);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)]!;
  const FLOATS = [0, -0, 1e-45, 1e-30, 1e30, 3e38, -1, 7, 0.5, Number.NaN, Number.POSITIVE_INFINITY];
  const SIZES = [0, 1, 2, 3, 255, 257, 2 ** 20, 2 ** 31, 2 ** 40, 2 ** 63];
  const file = decodeModel(seed % 8 === 0 ? DIGITS : randomOnnx(seed));
  const { node: nodes, initializer, input, output } = file.graph!;
  const values = [...nodes.flatMap((node) => node.output), ...initializer.map(({ name }) => name!), "x", "pixels"];
  const edits = [
    () => {
      const tensor = pick(initializer.filter(({ data_type }) => data_type === 1));
      tensor.raw_data = tensor.raw_data!.slice();
      const view = new DataView(tensor.raw_data.buffer);
      view.setFloat32(4 * Math.floor((next() * tensor.raw_data.length) / 4), pick(FLOATS), true);
    },
    () => initializer.push({ ...pick(initializer), name: pick(values) }),
    () => initializer.push(int64Tensor(pick(values), [1], [pick(SIZES.slice(0, -1))]) as TensorProto),
    () => (pick(initializer).dims = [pick(SIZES), pick(SIZES)]),
    () => (pick(input).type!.tensor_type!.shape!.dim = [{ dim_param: "N" }, { dim_value: pick(SIZES) }]),
    () => (pick(nodes).op_type = pick(Object.keys(OPS))),
    () => (pick(nodes).input = Array.from({ length: 3 }, () => pick(values))),
    () => (pick(nodes).output = [pick(values)]),
    () => (pick(nodes).attribute = pick(nodes).attribute),
    () => (pick(output).name = pick(values)),
    () => output.push({ name: pick(values) }),
    () => nodes.splice(Math.floor(next() * nodes.length), 1),
    () => nodes.push(pick(nodes)),
    () => nodes.reverse(),
  ];
  for (let count = 1 + Math.floor(3 * next()); count > 0; count--) {
    if (nodes.length > 0 && initializer.length > 0) pick(edits)();
  }
  return encodeModel(file);
}
