import { expect, it } from "vitest";
import { randomConvolution } from "../../tools/bench/convolution.ts";
import { encodeFlatbuffer, text, vector } from "../../tools/bench/flatbuffer.ts";
import { randomMatmul } from "../../tools/bench/matmul.ts";
import { tfliteConvolution, tfliteProduct } from "../../tools/bench/tflite.ts";

/** Reads a FlatBuffer as its specification says. */
class Reader {
  readonly view: DataView;
  readonly at: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.at = at;
  }

  static root(file: Uint8Array): Reader {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    return new Reader(view, view.getUint32(0, true));
  }

  /** Where field `id` lies; undefined where it has its default. */
  slot(id: number): number | undefined {
    const vtable = this.at - this.view.getInt32(this.at, true);
    if (4 + 2 * id >= this.view.getUint16(vtable, true)) return undefined;
    return this.at + this.view.getUint16(vtable + 4 + 2 * id, true) || undefined;
  }

  int(id: number): number {
    return this.view.getInt32(this.slot(id)!, true);
  }

  child(id: number): Reader {
    const slot = this.slot(id)!;
    return new Reader(this.view, slot + this.view.getUint32(slot, true));
  }

  /** Of a vector: how many elements it has. */
  get length(): number {
    return this.view.getUint32(this.at, true);
  }

  item(i: number): Reader {
    const slot = this.at + 4 + 4 * i;
    return new Reader(this.view, slot + this.view.getUint32(slot, true));
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.at + 4, count);
  }
}

it("a FlatBuffer holds tables, lists, vectors and strings, and leaves out defaults", () => {
  const file = encodeFlatbuffer(
    { table: [7, undefined, { list: [{ table: [-1] }, text("ab")] }, vector(BigInt64Array.of(5n, -2n))] },
    "ABCD",
  );
  expect(new TextDecoder().decode(file.subarray(4, 8))).toBe("ABCD");
  const root = Reader.root(file);
  expect(root.int(0)).toBe(7);
  expect(root.view.getUint16(root.at - root.view.getInt32(root.at, true) + 6, true)).toBe(0); // of the second field
  expect([root.child(2).length, root.child(2).item(0).int(0)]).toEqual([2, -1]);
  const ab = root.child(2).item(1);
  expect([ab.length, Array.from(ab.bytes(3))]).toEqual([2, [97, 98, 0]]);
  const longs = root.child(3);
  expect((longs.at + 4) % 16).toBe(0);
  expect([longs.length, new BigInt64Array(longs.bytes(16).slice().buffer)]).toEqual([2, BigInt64Array.of(5n, -2n)]);
});

it.each(["int8", "int4"] as const)("a .tflite file holds one product with %s weights", (weights) => {
  const matmul = randomMatmul("ternary", 6, 32, 4);
  const model = Reader.root(tfliteProduct(matmul, 4, weights));
  expect(model.int(0)).toBe(3);
  const graph = model.child(2).item(0);
  const shapes = [0, 1, 2].map((i) =>
    Array.from(new Int32Array(graph.child(0).item(i).child(0).bytes(8).slice().buffer)),
  );
  expect(shapes).toEqual([
    [4, 32],
    [6, 32],
    [4, 6],
  ]);
  const tensor = graph.child(0).item(1);
  const data = model.child(4).item(tensor.int(2)).child(0);
  const bytes = data.bytes(data.length);
  const codes =
    weights === "int8"
      ? new Int8Array(bytes.slice().buffer)
      : Int8Array.from({ length: 2 * bytes.length }, (_, i) => (bytes[i >> 1]! << (i & 1 ? 24 : 28)) >> 28);
  expect(codes).toEqual(matmul.codes);
  const scales = new Float32Array(tensor.child(4).child(2).bytes(24).slice().buffer);
  expect(Array.from(scales)).toEqual(new Array(6).fill(1 / 64));
});

it.each([
  ["fp32", [3], 4],
  ["int8", [114, 3, 6], 6],
] as const)("a .tflite file holds a convolution of %s", (numbers, operators, tensors) => {
  const task = randomConvolution("ternary", { height: 4, width: 5, inputs: 3, outputs: 6, kernel: 3 });
  const model = Reader.root(tfliteConvolution(task, numbers));
  const graph = model.child(2).item(0);
  const codes = Array.from({ length: model.child(1).length }, (_, i) => model.child(1).item(i).int(3));
  expect(codes).toEqual(operators);
  const all = graph.child(0);
  expect(all.length).toBe(tensors);
  const shapeOf = (i: number) => Array.from(new Int32Array(all.item(i).child(0).bytes(16).slice().buffer));
  expect([shapeOf(0), shapeOf(1), shapeOf(tensors - 1)]).toEqual([
    [1, 4, 5, 3],
    [6, 3, 3, 3],
    [1, 4, 5, 6],
  ]);
  const data = model.child(4).item(all.item(1).int(2)).child(0);
  const bytes = data.bytes(data.length).slice().buffer;
  const weights = numbers === "fp32" ? new Float32Array(bytes).map((weight) => weight * 64) : new Int8Array(bytes);
  expect(Array.from(weights)).toEqual(Array.from(task.codes));
  // every operator reads what an earlier one wrote, up to the output
  const io = graph.child(3);
  const last = io.item(io.length - 1).child(2);
  expect(Array.from(new Int32Array(last.bytes(4).slice().buffer))).toEqual([tensors - 1]);
});
