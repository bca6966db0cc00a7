import { describe, expect, it } from "vitest";
import { CheckpointError, TernError, UnsupportedError } from "../../../host/base/errors.ts";
import { readCheckpoint } from "../../../host/checkpoint/index.ts";
import { encodeFlatbuffer, type Flat } from "../../../tools/bench/flatbuffer.ts";
import { cpuMilliseconds } from "../../cpu.ts";
import { Random } from "../../graph/random.ts";
import { encode, type Net, type NetOperator, type NetTensor } from "./build.ts";
import { type Change, changed, DENSE, toUint8 } from "./nets.ts";
import { randomNet } from "./random.ts";

/** A file either imports or is refused with a typed error. */
function survives(bytes: Uint8Array, what: string): boolean {
  try {
    readCheckpoint(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof TernError)) throw new Error(what, { cause: error });
    return false;
  }
}

it("the small file imports", () => {
  const { graph } = readCheckpoint(encode(DENSE));
  expect(graph.nodes.map(({ op }) => op).join(" ")).toBe("quantize step dense step step step quantize softmax");
  expect(graph.outputs).toEqual(["p"]);
});

it("the small file of uint8 imports, and takes its codes", () => {
  const { graph } = readCheckpoint(small(toUint8));
  expect(graph.nodes.map(({ op }) => op).join(" ")).toBe("quantize step dense step step quantize softmax");
  expect(graph.inputs[0]!.codes!.dtype).toBe("u8");
});

it("truncation at every byte is survived", () => {
  const bytes = encode(DENSE);
  for (let size = 0; size < bytes.length; size++) survives(bytes.subarray(0, size), `${size} bytes`);
});

it("a flipped bit in every byte is survived", () => {
  const bytes = encode(DENSE);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1 << (at % 8);
    survives(flipped, `byte ${at}`);
  }
});

it("10,000 files with some other bytes are survived, each within a second", () => {
  const files = Array.from({ length: 40 }, (_, seed) => encode(randomNet(seed)));
  let [slowest, imported] = [0, 0];
  for (let seed = 0; seed < 10_000; seed++) {
    const random = new Random(seed);
    const bytes = random.pick(files).slice();
    for (let edits = random.int(1, 4); edits > 0; edits--) {
      const at = random.int(8, bytes.length - 1);
      bytes[at] = random.pick([0, 1, 127, 128, 255, random.int(0, 255), bytes[at]! ^ (1 << random.int(0, 7))]);
    }
    const start = cpuMilliseconds();
    if (survives(bytes, `seed ${seed}`)) imported++;
    slowest = Math.max(slowest, cpuMilliseconds() - start);
  }
  expect(imported).toBeGreaterThan(100);
  expect(slowest).toBeLessThan(1000);
});

/** The small file with changes. */
const small = (change: Change) => encode(changed(DENSE, change));

/** Many dense layers, one behind the other, of the same weights. */
function shared(layers: number, size: number): Uint8Array {
  const net: Net = { tensors: [], operators: [], inputs: [2], outputs: [2 + layers] };
  net.tensors.push({ name: "w", shape: [size, size], data: new Int8Array(size * size), scale: [1], zero: [0] });
  net.tensors.push({ name: "b", shape: [size], type: "INT32", data: new Int32Array(size), scale: [1], zero: [0] });
  for (let i = 0; i <= layers; i++) net.tensors.push({ name: `x${i}`, shape: [1, size], scale: [1], zero: [0] });
  for (let i = 0; i < layers; i++)
    net.operators.push({ op: "FULLY_CONNECTED", inputs: [2 + i, 0, 1], outputs: [3 + i] });
  return encode(net);
}

/** Tables that are there many times over by references to the same bytes. */
function aliased(lists: number, entries: number): Uint8Array {
  const table: Flat = { table: [0] };
  const list: Flat = { list: new Array<Flat>(entries).fill(table) };
  return encodeFlatbuffer({ table: [3, list, { list: new Array<Flat>(lists).fill({ table: [list] }) }] }, "TFL3");
}

describe("what is refused says where and why", () => {
  it.each<[string, Uint8Array, string]>([
    ["no tables", new Uint8Array([8, 0, 0, 0, 84, 70, 76, 51]), "model, byte 8: needs 4 bytes, but 0 are left"],
    ["another version", encodeFlatbuffer({ table: [2] }, "TFL3"), "schema version 2, expected 3"],
    ["no subgraph", encodeFlatbuffer({ table: [3] }, "TFL3"), "model.subgraphs: found 0, expected 1"],
    ["tables without end", aliased(1, 2 ** 18 + 1), "more than 262144 tables"],
    ["weights of a thousand layers", shared(1000, 128), "its layers read more than"],
    [
      "a tensor that is not there",
      small((net) => net.operators[0]!.inputs.splice(1, 1, 9)),
      "tensor 9, expected -1 to 4",
    ],
    ["an output that is not there", small((net) => net.outputs.splice(0, 1, -1)), "tensor -1, expected 0 to 4"],
    ["too few weights", small((net) => (net.tensors[1]!.data = Int8Array.of(1))), '"w": 1 bytes, expected 4 of [2, 2]'],
    [
      "too few biases",
      small((net) => (net.tensors[2]!.data = Int32Array.of(1))),
      'bias "b": 4 bytes, expected 2 numbers',
    ],
    ["a huge shape", small((net) => (net.tensors[1]!.shape = [2 ** 30, 2 ** 30])), '"w": 4 bytes, expected'],
    ["a negative size", small((net) => (net.tensors[0]!.shape = [1, -2])), "size -2, expected 0 or more"],
    [
      "a result of another size",
      small((net) => (net.tensors[3]!.shape = [1, 3])),
      "its result has 3 elements by its shape, expected 2",
    ],
    ["a cycle", small((net) => (net.operators[0]!.inputs = [3, 1, 2])), '"y", which nothing before it makes'],
    [
      "a result made twice",
      small((net) => net.operators.unshift({ ...net.operators[0]! })),
      '"y", which is made already',
    ],
    [
      "codes of two types",
      small((net) => Object.assign(net.tensors[4]!, { type: "UINT8", zero: [0] })),
      'SOFTMAX "p" makes UINT8 of INT8, expected one type',
    ],
    ["an output of no input", small((net) => (net.outputs = [1])), 'output "w" does not depend on an input'],
  ])("%s", (_, bytes, message) => {
    expect(() => readCheckpoint(bytes)).toThrow(CheckpointError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  it.each<[string, (net: Net) => void, string]>([
    [
      "floats",
      (net) => Object.assign(net.tensors[0]!, { type: "FLOAT32" }),
      "its input is of floats. Instead: a file whose weights and activations are int8: full integer quantization",
    ],
    [
      "uint8 beside weights of int8",
      (net) => Object.assign(net.tensors[0]!, { type: "UINT8" }) && Object.assign(net.tensors[3]!, { type: "UINT8" }),
      'its weights "w" are INT8',
    ],
    [
      "weights of uint8 far from their zero point",
      (net) => toUint8(net, 1, { zero: [1] }),
      'its weights "w" have code 130, which is 129 from the zero point',
    ],
    [
      "two zero points of uint8",
      (net) => toUint8(net, 1, { zero: [1, 2] }),
      'its weights "w" have 1 scales and zero points 1, 2',
    ],
    ["a zero point beyond uint8", (net) => toUint8(net, 0, { zero: [-1] }), '"x" has zero point -1'],
    ["int16", (net) => Object.assign(net.tensors[3]!, { type: "INT16" }), '"y" is of INT16'],
    ["float weights", (net) => Object.assign(net.tensors[1]!, { type: "FLOAT32" }), 'its weights "w" are floats'],
    ["weights around another code", (net) => (net.tensors[1]!.zero = [1]), 'weights "w" have zero point 1'],
    [
      "weights that depend on the input",
      (net) => (net.operators[0]!.inputs = [0, 0, 2]),
      "its weights are no constants",
    ],
    ["a wide bias", (net) => Object.assign(net.tensors[2]!, { type: "INT64" }), 'its bias "b" is of INT64'],
    ["no scale", (net) => (net.tensors[0]!.scale = []), '"x" has 0 scales'],
    ["a scale for each code", (net) => (net.tensors[3]!.scale = [1, 2]), '"y" has 2 scales'],
    ["a scale below 0", (net) => (net.tensors[0]!.scale = [-1]), '"x" has the scale -1'],
    ["a scale that is no number", (net) => (net.tensors[1]!.scale = [Number.NaN]), 'weights "w" have scale NaN at 0'],
    ["a zero point beyond int8", (net) => (net.tensors[0]!.zero = [200]), '"x" has zero point 200'],
    [
      "sums beyond 32 bits",
      (net) => (net.tensors[2]!.data = Int32Array.of(2 ** 31 - 1, 0)),
      "output channel 0 sums to ±",
    ],
    ["a gain beyond 32 bits", (net) => (net.tensors[3]!.scale = [2 ** -40]), "leaves 32 bits"],
    [
      "another activation",
      (net) => (net.operators[0]!.options = { activation: 4 }),
      "its fused activation is number 4",
    ],
    ["shuffled weights", (net) => (net.operators[0]!.options = { format: 1 }), "its weights are shuffled"],
    [
      "a softmax of other codes",
      (net) => (net.tensors[4]!.zero = [0]),
      "its codes have scale 0.00390625 and zero point 0",
    ],
    ["a batch", (net) => (net.tensors[0]!.shape = [2, 2]), "its shape is [2, 2]"],
    ["an operator", (net) => (net.operators[1]!.op = "LSTM"), 'LSTM "p" [1, 2]: no such operator here'],
    ["an operator of one's own", (net) => (net.operators[1]!.op = "CUSTOM"), 'CUSTOM  "p"'],
  ])("%s", (_, change, message) => {
    const bytes = small(change);
    expect(() => readCheckpoint(bytes)).toThrow(UnsupportedError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  /** One operator on a picture [1, 2, 4, 3] of codes, with a result of this shape, and constants as its other operands. */
  const one = (
    op: string,
    shape: number[],
    constants: number[][] = [],
    options?: NetOperator["options"],
  ): Uint8Array => {
    const data = { scale: [0.5], zero: [0] };
    const operands = constants.map((numbers, i): NetTensor => {
      return { name: `c${i}`, shape: [numbers.length], type: "INT32", data: Int32Array.from(numbers) };
    });
    return encode({
      tensors: [{ name: "x", shape: [1, 2, 4, 3], ...data }, { name: "y", shape, ...data }, ...operands],
      operators: [{ op, inputs: [0, ...operands.map((_, i) => 2 + i)], outputs: [1], ...(options && { options }) }],
      inputs: [0],
      outputs: [1],
    });
  };
  const cut = (begin: number[], end: number[], strides: number[], options = {}, shape = [1, 2, 4, 3]) =>
    one("STRIDED_SLICE", shape, [begin, end, strides], options);
  const [all, ones] = [
    [1, 2, 4, 3],
    [1, 1, 1, 1],
  ];

  it.each<[string, Uint8Array, string]>([
    ["a squeeze of an axis of more", one("SQUEEZE", [1, 4, 3], [], { axes: [1] }), "axis 1 of [1,2,4,3] has size 2"],
    ["a squeeze of no axis", one("SQUEEZE", [1, 4, 3], [], { axes: [9] }), "axis 9, expected -4 to 3"],
    ["a new axis too far", one("EXPAND_DIMS", [1, 2, 4, 3, 1], [[6]]), "axis 6, expected -5 to 4"],
    ["two new axes", one("EXPAND_DIMS", [1, 2, 4, 3, 1], [[1, 2]]), "names 2 axes, expected 1"],
    ["an axis that is moved twice", one("TRANSPOSE", all, [[0, 1, 1, 3]]), "permutation [0,1,1,3] of 4 axes"],
    ["too few axes", one("TRANSPOSE", all, [[0, 1]]), "permutation [0,1] of 4 axes"],
    ["a shape of other elements", one("RESHAPE", [1, 5], [[1, 5]]), "shape [1,5] of 24 elements"],
    ["a cut of nothing", cut([0, 0, 2, 0], [1, 2, 2, 3], ones), "it takes nothing of axis 2, of size 4"],
    ["cuts of too many axes", cut([0, 0, 0, 0, 0], [1, 2, 4, 3, 1], [1, 1, 1, 1, 1]), "5 begins, 5 ends and 5 strides"],
    ["cuts that do not match", cut([0], [1, 2], [1]), "1 begins, 2 ends and 1 strides of 4 axes"],
    ["a mean of no axis", one("MEAN", [1, 1, 1, 3], [[7]]), "axis 7, expected -4 to 3"],
    [
      "a mean of another size",
      one("MEAN", [1, 1, 1, 9], [[1, 2]]),
      "its result has 9 elements by its shape, expected 3",
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => readCheckpoint(bytes)).toThrow(CheckpointError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  it.each<[string, Uint8Array, string]>([
    ["a squeeze of the batch", one("SQUEEZE", [2, 4, 3]), "its result is of shape [2, 4, 3]"],
    ["a batch of lines", one("TRANSPOSE", [2, 1, 4, 3], [[1, 0, 2, 3]]), "its result is of shape [2, 1, 4, 3]"],
    ["elements in another order as output", one("TRANSPOSE", [1, 3, 2, 4], [[0, 3, 1, 2]]), 'output "y"'],
    ["a part of the channels", cut([0, 0, 0, 1], all, ones, {}, [1, 2, 4, 2]), "2 from 1 by 1 of [1,2,4,3]"],
    ["every other channel", cut([0, 0, 0, 0], all, [1, 1, 1, 2], {}, [1, 2, 4, 2]), "2 from 0 by 2 of [1,2,4,3]"],
    ["lines from the second on", cut([0, 1, 0, 0], all, ones, {}, [1, 1, 4, 3]), "1 from 1 by 1, 4 from 0 by 1"],
    ["lines but the last", cut([0, 0, 0, 0], [1, 1, 4, 3], ones, {}, [1, 1, 4, 3]), "1 from 0 by 1, 4 from 0 by 1"],
    ["one line", cut([0, 0, 0, 0], all, ones, { shrinkMask: 2 }, [1, 4, 3]), "1 from 0 by 1, 4 from 0 by 1"],
    ["lines backwards", cut([0, 1, 0, 0], [1, -3, 4, 3], [1, -1, 1, 1]), "its stride of axis 1 is -1"],
    ["an ellipsis", cut([0, 0], [1, 1], [1, 1], { ellipsisMask: 1 }), "it has an ellipsis"],
    ["a new axis", cut([0, 0], [1, 1], [1, 1], { newAxisMask: 2 }), "it has an ellipsis, a new axis"],
    ["ends behind begins", cut([0, 0], [1, 1], [1, 1], { offset: 1 }), "or ends relative to begins"],
    ["a mean over channels", one("MEAN", [1, 2, 4, 1], [[3]]), "it is taken over the axes [3] of [1,2,4,3]"],
    ["a mean over the batch", one("MEAN", all, [[0]]), "it is taken over the axes [0] of [1,2,4,3]"],
    ["a sigmoid of other codes", one("LOGISTIC", all), "its codes have scale 0.5. Instead: 1/256"],
    ["numbers of a shape as output", one("SHAPE", [4]), 'SHAPE "y" [4]: it makes numbers of INT8. Instead: INT32'],
    ["data in a vector", one("PACK", [1, 1, 2, 4, 3], [], { count: 1 }), "its operands are no constants"],
  ])("%s", (_, bytes, message) => {
    expect(() => readCheckpoint(bytes)).toThrow(UnsupportedError);
    expect(() => readCheckpoint(bytes)).toThrow(message);
  });

  it("a picture whose elements a TRANSPOSE moves, before a convolution", () => {
    const tensors: NetTensor[] = [
      { name: "x", shape: [1, 2, 2, 1], scale: [0.5], zero: [0] },
      { name: "t", shape: [1, 2, 2, 1], scale: [0.5], zero: [0] },
      { name: "r", shape: [1, 2, 2, 1], scale: [0.5], zero: [0] },
      { name: "p", shape: [4], type: "INT32", data: Int32Array.of(0, 2, 1, 3) },
    ];
    const operators = [
      { op: "TRANSPOSE", inputs: [0, 3], outputs: [1] },
      { op: "MAX_POOL_2D", inputs: [1], outputs: [2], options: { strideX: 1, strideY: 1, width: 1, height: 1 } },
    ];
    const bytes = encode({ tensors, operators, inputs: [0], outputs: [2] });
    expect(() => readCheckpoint(bytes)).toThrow('MAX_POOL_2D "r" [1, 2, 2, 1]: a TRANSPOSE before it moves elements');
  });

  it("all operators at once", () => {
    const bytes = small(({ operators }) => {
      operators[1]!.op = "ELU";
      operators[0]!.op = "COS";
    });
    expect(() => readCheckpoint(bytes)).toThrow(/COS "y"/);
  });
});
