import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { Cursor } from "../../host/base/cursor.ts";
import { CheckpointError } from "../../host/base/errors.ts";
import { openWeights } from "../../host/checkpoint/index.ts";
import { unpickle } from "../../host/checkpoint/torch/pickle.ts";
import { describeWith, TFC } from "../data.ts";
import { hostile } from "./hostile.ts";
import {
  archive,
  call,
  dict,
  FALSE,
  global,
  int,
  list,
  NONE,
  ORDERED,
  pickle,
  stateDict,
  storage,
  stream,
  type Tensor,
  tensor,
  text,
  tuple,
} from "./torch_file.ts";

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const FLOATS = bytesOf(Float32Array.of(0, 1, 2, 3, 4, 5));

const A: Tensor = { key: "0", count: 6, size: [2, 3], stride: [3, 1] };
const TURNED: Tensor = { key: "0", count: 6, size: [3, 2], stride: [1, 3] };
const PART: Tensor = { key: "0", count: 6, offset: 4, size: [2], stride: [1] };
const SCALAR: Tensor = { key: "1", count: 1, type: "LongStorage", size: [], stride: [] };

const STATE = stateDict([
  ["fc.weight", tensor(A)],
  ["fc.turned", tensor(TURNED)],
  ["fc.part", tensor(PART)],
  ["scalar", tensor(SCALAR)],
]);
const EXPECTED = [
  ["fc.weight", [2, 3], [0, 1, 2, 3, 4, 5]],
  ["fc.turned", [3, 2], [0, 3, 1, 4, 2, 5]],
  ["fc.part", [2], [4, 5]],
  ["scalar", [], [-9]],
];
const LONG = bytesOf(BigInt64Array.of(-9n));

const ZIP = archive(STATE, { 0: FLOATS, 1: LONG });
const STREAM = stream(STATE, { 0: { count: 6, bytes: FLOATS }, 1: { count: 1, bytes: LONG } });

const contents = (file: Uint8Array) =>
  [...openWeights(file).tensors].map(([name, { dims, read }]) => [name, dims, [...read()]]);

it.each([
  ["an archive", ZIP],
  ["a stream", STREAM],
])("%s gives names, shapes and elements, of shared storages, parts and strides", (_, file) => {
  expect(openWeights(file).format).toBe("torch");
  expect(contents(file)).toEqual(EXPECTED);
});

it.each<[string, Uint8Array, number[]]>([
  ["DoubleStorage", bytesOf(Float64Array.of(0.1, -2)), [0.1, -2]],
  ["HalfStorage", bytesOf(Uint16Array.of(0x3c00, 0xc100)), [1, -2.5]],
  ["BFloat16Storage", bytesOf(Uint16Array.of(0x3f80, 0xc0a0)), [1, -5]],
  ["IntStorage", bytesOf(Int32Array.of(-7, 70000)), [-7, 70000]],
  ["ShortStorage", bytesOf(Int16Array.of(-7, 300)), [-7, 300]],
  ["CharStorage", bytesOf(Int8Array.of(-7, 3)), [-7, 3]],
  ["ByteStorage", bytesOf(Uint8Array.of(200, 3)), [200, 3]],
  ["BoolStorage", bytesOf(Uint8Array.of(1, 0)), [1, 0]],
])("reads a %s", (type, bytes, expected) => {
  const x = tensor({ key: "k", count: 2, type, size: [2], stride: [1] });
  expect(contents(archive(dict([["x", x]]), { k: bytes }))).toEqual([["x", [2], expected]]);
});

it("reads a big-endian archive", () => {
  const x = tensor({ key: "k", count: 1, type: "ShortStorage", size: [1], stride: [1] });
  const file = archive(
    dict([["x", x]]),
    { k: Uint8Array.of(1, 2) },
    { "net/byteorder": new TextEncoder().encode("big") },
  );
  expect(contents(file)).toEqual([["x", [1], [258]]]);
});

it("reads parameters, and tensors of the oldest kind", () => {
  const parameter = call(global("torch._utils", "_rebuild_parameter"), tensor(A), [0x88], ORDERED);
  const oldest = call(global("torch._utils", "_rebuild_tensor"), storage(A), int(0), tuple(int(6)), tuple(int(1)));
  expect(
    contents(
      archive(
        dict([
          ["p", parameter],
          ["o", oldest],
        ]),
        { 0: FLOATS },
      ),
    ),
  ).toEqual([
    ["p", [2, 3], [0, 1, 2, 3, 4, 5]],
    ["o", [6], [0, 1, 2, 3, 4, 5]],
  ]);
});

describe("nestings and prefixes", () => {
  const one = (name: string) => stateDict([[name, tensor(A)]]);
  it.each<[string, number[], string[], string[]]>([
    [
      "a checkpoint",
      dict([
        ["epoch", int(3)],
        ["state_dict", one("w")],
        ["lr", [0x47, 0x3f, 0xb9, 0, 0, 0, 0, 0, 0]],
      ]),
      ["w"],
      ['the state dict is the file\'s "state_dict"'],
    ],
    ["one in another", dict([["state_dict", dict([["net", one("w")]])]]), ["w"], ['"state_dict"', '"net"']],
    ["of several devices", one("module.w"), ["w"], ['begin with "module."']],
    ["compiled", one("_orig_mod.w"), ["w"], ['begin with "_orig_mod."']],
    [
      "of some names alone",
      stateDict([
        ["module.w", tensor(A)],
        ["v", tensor(A)],
      ]),
      ["module.w", "v"],
      [],
    ],
    [
      "beside others",
      stateDict([
        ["w", tensor(A)],
        ["n", int(1)],
      ]),
      ["w"],
      ["1 entries of the state dict are no tensors"],
    ],
  ])("%s", (_, value, names, notes) => {
    const file = openWeights(archive(value, { 0: FLOATS }));
    expect([...file.tensors.keys()]).toEqual(names);
    expect(file.notes).toHaveLength(notes.length);
    notes.forEach((note, i) => {
      expect(file.notes[i]).toContain(note);
    });
  });
});

it("reads what protocols 4 and 5 write", () => {
  // PROTO 4, FRAME, EMPTY_DICT, MEMOIZE, SHORT_BINUNICODE "a", MEMOIZE, LONG1 −2, SETITEM, then memo 1 and a tuple through STACK_GLOBAL
  const short = (value: string) => [0x8c, value.length, ...new TextEncoder().encode(value)];
  const code = [
    ...[0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 0x7d, 0x94, ...short("a"), 0x94, 0x8a, 1, 0xfe, 0x73],
    ...[0x68, 1, ...short("torch"), ...short("Size"), 0x93, ...[0x4b, 2, 0x4b, 3, 0x86], 0x85, 0x52, 0x73, 0x2e],
  ];
  const fail = (offset: number, message: string) => new Error(`${offset} ${message}`);
  expect(unpickle(new Cursor(Uint8Array.from(code), fail), "x")).toEqual(new Map([["a", [2, 3]]]));
});

describe("what is refused", () => {
  it.each([
    ["os", "system"],
    ["posix", "system"],
    ["builtins", "eval"],
    ["__builtin__", "eval"],
    ["subprocess", "Popen"],
    ["numpy.core.multiarray", "_reconstruct"],
    ["numpy.core.multiarray", "scalar"],
    ["argparse", "Namespace"],
    ["torch._utils", "_rebuild_tensor_v3"],
    ["torch", "load"],
    ["torch.nn.modules.linear", "Linear"],
    ["__torch__", "Net"],
    ["collections", "defaultdict"],
    ["collections.OrderedDict", "fromkeys"],
    ["Object", "prototype"],
  ])("%s.%s, by its name, before anything is called", (module, name) => {
    const short = (value: string) => [0x8c, value.length, ...new TextEncoder().encode(value)];
    const stacked = [...short(module), ...short(name), 0x93, ...tuple(text("x")), 0x52];
    for (const value of [call(global(module, name), text("x")), stacked]) {
      const open = () => openWeights(archive(dict([["x", value]]), {}));
      expect(open).toThrow(CheckpointError);
      expect(open).toThrow(
        `found "${module}.${name}", which a file of weights does not need, expected plain tensors alone`,
      );
    }
  });

  const bad = (fields: Partial<Tensor>) => archive(dict([["x", tensor({ ...A, ...fields })]]), { 0: FLOATS });
  const selfish = [0x7d, 0x71, 0, ...text("state_dict"), 0x68, 0, 0x73]; // d["state_dict"] = d
  it.each<[string, Uint8Array, string]>([
    [
      "a tensor beyond its storage",
      bad({ size: [2, 4], stride: [4, 1] }),
      'tensor "x": its last element is number 7 of a storage of 6',
    ],
    ["an offset beyond its storage", bad({ offset: 1 }), "its last element is number 6 of a storage of 6"],
    ["a negative stride", bad({ stride: [-3, 1] }), "a tensor without shape and strides"],
    ["a negative offset", bad({ offset: -1 }), "a tensor without an offset"],
    ["strides for other axes", bad({ stride: [1] }), "a tensor without shape and strides"],
    ["more axes than any tensor has", bad({ size: Array(65).fill(1), stride: Array(65).fill(1) }), "at most 64"],
    [
      "a storage that is not there",
      archive(dict([["x", tensor({ ...A, key: "9" })]]), {}),
      'no file "data/9" in the archive',
    ],
    [
      "a storage of another size",
      archive(dict([["x", tensor(A)]]), { 0: FLOATS.subarray(4) }),
      "a storage of 20 bytes, expected 24",
    ],
    [
      "a stride of 0 over more than memory",
      bad({ size: [2 ** 30, 2 ** 20], stride: [0, 0] }),
      "1125899906842624 elements of a storage of 6, expected each once",
    ],
    [
      "no tensors",
      archive(
        dict([
          ["epoch", int(3)],
          ["best", NONE],
        ]),
        {},
      ),
      'found a dict of "epoch", "best", expected a state dict of tensors',
    ],
    ["a tensor alone", archive(tensor(A), { 0: FLOATS }), "found a tensor, expected a state dict"],
    ["a list", archive(list(int(1)), {}), "found a list of 1, expected a state dict"],
    ["a dict that holds itself", archive(selfish, {}), 'found a dict of "state_dict", expected'],
    [
      "a storage that is a view",
      archive(
        dict([
          [
            "x",
            [
              ...tuple(
                text("storage"),
                global("torch", "FloatStorage"),
                text("0"),
                text("cpu"),
                int(6),
                tuple(text("1")),
              ),
              0x51,
            ],
          ],
        ]),
        {},
      ),
      "a persistent id of another kind",
    ],
    [
      "a persistent id of something",
      archive(dict([["x", [...text("module"), 0x51]]]), {}),
      "a persistent id of another kind",
    ],
    ["a call of no function", archive(call(text("x")), {}), "a call of what is no function"],
    [
      "a call of a storage's type",
      archive(call(global("torch", "FloatStorage"), int(4)), {}),
      "a call of what is no function",
    ],
    ["a state of a list", archive([...list(), ...dict([]), 0x62], {}), "a state of something"],
    ["a memo that is not set", archive([0x68, 3], {}), "memo 3, which nothing has set"],
    ["items without a mark", archive([0x75], {}), "without its mark"],
    ["nothing on the stack", archive([0x30], {}), "without its operand"],
    ["half an item", archive([0x7d, 0x28, ...text("x"), 0x75], {}), "items of no dict"],
    [
      "an instruction of protocol 0",
      archive([0x69], {}),
      "found instruction 0x69, expected one that a state dict needs",
    ],
    ["a set", archive([0x8f], {}), "instruction 0x8f"],
    ["protocol 6", zipSync({ "a/data.pkl": Uint8Array.of(0x80, 6, 0x2e) }), "a protocol above 5"],
    ["an integer of a kilobyte", archive([0x8b, 0, 4, 0, 0], {}), "an integer of 1024 bytes"],
    ["a text longer than the file", archive([0x58, 255, 255, 255, 127], {}), "needs 2147483647 bytes"],
    ["a text of 2^63 bytes", archive([0x8d, 0, 0, 0, 0, 0, 0, 0, 128], {}), "needs 9223372036854776000 bytes"],
    ["a name without an end", archive([0x63, ...Array(2000).fill(97)], {}), "a name of more than 512 bytes"],
    [
      "two pickles",
      zipSync({ "a/data.pkl": Uint8Array.of(0x2e), "b/data.pkl": Uint8Array.of(0x2e) }),
      "2 files /data.pkl in the archive",
    ],
    [
      "a pickle of another kind",
      Uint8Array.from(pickle(dict([]))),
      "a pickle of another kind, expected a file of torch.save",
    ],
    [
      "a storage that is longer than told",
      stream(dict([["x", tensor(A)]]), { 0: { count: 7, bytes: FLOATS } }),
      'storage "0" of 7 elements, expected 6',
    ],
    [
      "a storage of no tensor",
      stream(dict([["x", tensor(A)]]), { 5: { count: 6, bytes: FLOATS } }),
      'storage "5" is listed, but no tensor has it',
    ],
    ["a stream without its storage", stream(dict([["x", tensor(A)]]), {}), 'no storage "0" behind the pickle'],
  ])("%s", (_, file, why) => {
    const read = () => contents(file);
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(why);
  });

  it("millions of instructions", () => {
    const code = new Uint8Array(2 ** 23).fill(0x4e);
    code.set([0x80, 2]);
    const fail = () => new CheckpointError("end");
    expect(() => unpickle(new Cursor(code, fail), "x")).toThrow("more than 4194304 instructions");
  });

  it("lists within lists without the stack of JavaScript", () => {
    // [[[[…]]]], a hundred thousand deep, as the state of a checkpoint
    const deep = [...Array(100_000).fill(0x5d), ...Array(99_999).fill(0x61)];
    expect(
      contents(
        archive(
          dict([
            ["other", deep],
            ["state_dict", STATE],
          ]),
          { 0: FLOATS, 1: LONG },
        ),
      ),
    ).toEqual(EXPECTED);
    expect(
      contents(
        stream(
          dict([
            ["other", deep],
            ["model", STATE],
          ]),
          { 0: { count: 6, bytes: FLOATS }, 1: { count: 1, bytes: LONG } },
        ),
      ),
    ).toEqual(EXPECTED);
  });
});

hostile("PyTorch archive", ZIP, (file) => contents(file));
hostile("PyTorch stream", STREAM, (file) => contents(file));

const DATA = join(TFC, "..", "..");
const RESNET = join(DATA, "resnet_cifar10", "resnet20-12fca82f.th");
const VIT = join(DATA, "mnist_vit", "mnist_vit.pth");

describeWith([RESNET, VIT], "files that others wrote", () => {
  it("ResNet-20, a stream", () => {
    const { tensors, notes } = openWeights(new Uint8Array(readFileSync(RESNET)));
    expect(tensors.size).toBe(97);
    expect(tensors.get("conv1.weight")!.dims).toEqual([16, 3, 3, 3]);
    expect(tensors.get("layer3.2.conv2.weight")!.dims).toEqual([64, 64, 3, 3]);
    expect(tensors.get("linear.weight")!.dims).toEqual([10, 64]);
    expect(notes).toHaveLength(2); // "state_dict", and "module."
    for (const { dims, read } of tensors.values()) expect(read()).toHaveLength(dims.reduce((a, b) => a * b, 1));
    expect(
      tensors
        .get("bn1.running_var")!
        .read()
        .every((x) => x > 0),
    ).toBe(true);
  });

  it("a vision transformer, an archive", () => {
    const { tensors } = openWeights(new Uint8Array(readFileSync(VIT)));
    expect([...tensors].slice(0, 2).map(([name, { dims }]) => [name, dims])).toEqual([
      ["pos_embed", [1, 16, 32]],
      ["patch_embed.proj.weight", [32, 49]],
    ]);
    for (const { read } of tensors.values()) read();
  });
});

it("FALSE and None are values of their own", () => {
  const fail = () => new CheckpointError("end");
  expect(unpickle(new Cursor(Uint8Array.from(pickle(tuple(FALSE, NONE))), fail), "x")).toEqual([false, null]);
});
