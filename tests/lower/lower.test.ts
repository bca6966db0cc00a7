import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../host/base/errors.ts";
import { evaluate } from "../../host/graph/evaluate.ts";
import type { Graph, Node } from "../../host/graph/graph.ts";
import type { Weights } from "../../host/graph/ops/weights.ts";
import { type LowerOptions, lower } from "../../host/lower/lower.ts";
import type { Quantizer } from "../../host/numbers/quantizer.ts";
import type { Step } from "../../host/numbers/step.ts";
import type { Op, Program } from "../../host/program.ts";
import { runReference } from "../../host/reference/model.ts";
import { scores } from "../../host/run/describe.ts";
import { randomGraph } from "../graph/random.ts";
import { expectAgreement, OPTIONS } from "./agree.ts";

const by = (...values: number[]) => Float64Array.from(values);
const SIGN: Quantizer = { kind: "bipolar", scale: by(1) };
const int = (bits: number, signed: boolean, scale: number, zero = 0): Quantizer => ({
  kind: "int",
  scale: by(scale),
  zero: by(zero),
  bits,
  signed,
  narrow: false,
  rounding: "ROUND",
});

/** Builds graphs node by node; every method returns the name of its value. */
class Builder {
  readonly nodes: Node[] = [];

  private add(node: Record<string, unknown>, input: string, channels: number): string {
    const output = `v${this.nodes.length}`;
    this.nodes.push({ name: `n${this.nodes.length}`, inputs: [input], output, channels, ...node } as unknown as Node);
    return output;
  }

  quantize(input: string, channels: number, quantizer: Quantizer): string {
    return this.add({ op: "quantize", quantizer }, input, channels);
  }

  step(input: string, channels: number, step: Step): string {
    return this.add({ op: "step", step }, input, channels);
  }

  dense(input: string, rows: number[][], scale: number[] = [1]): string {
    const weights: Weights = {
      name: "w",
      outputs: rows.length,
      inputs: rows[0]!.length,
      codes: Int32Array.from(rows.flat()),
      scale: by(...scale),
      found: "bare",
    };
    return this.add({ op: "dense", weights }, input, rows.length);
  }

  argmax(input: string): string {
    return this.add({ op: "argmax" }, input, 1);
  }

  graph(shape: number[], ...outputs: string[]): Graph {
    return { name: "built", inputs: [{ name: "x", shape }], nodes: this.nodes, outputs };
  }
}

/** Ops as text: "dense ternary u8 → i32". */
const listing = ({ ops, tensors }: Program) =>
  ops.map((op: Op) => {
    const post = op.post ? ` ${op.post.kind}` : "";
    const weights = op.kind === "dense" ? ` ${op.dtype}` : "";
    return `${op.kind}${weights}${post} ${tensors[op.inputs[0]!]!.dtype} → ${tensors[op.output]!.dtype}`;
  });

const every = Uint8Array.from({ length: 256 }, (_, i) => i);
const U8: Partial<LowerOptions> = { input: { dtype: "u8" } };

describe("inputs", () => {
  it("a picture is u8 / 255, other inputs are f32", () => {
    const b = new Builder();
    const y = b.dense(b.quantize("x", 1, int(8, true, 0.01)), [[1]]);
    expect(listing(lower(b.graph([1, 1, 1], y), OPTIONS).program)).toEqual([
      "quantize lookup u8 → i8",
      "dense binary i8 → i32",
    ]);
    expect(listing(lower(b.graph([1], y), OPTIONS).program)[0]).toBe("quantize thresholds f32 → i8");
  });

  it("elements that are the codes need no op", () => {
    const b = new Builder();
    const graph = b.graph([1], b.dense(b.quantize("x", 1, int(8, false, 1 / 255)), [[3]]));
    const { program } = expectAgreement(graph, every, U8);
    expect(listing(program)).toEqual(["dense int3 u8 → i32"]);
    expect(program.description.inputs[0]!.codes).toBe(program.inputs[0]);
  });

  it("codes that are an output have a tensor of their own", () => {
    const b = new Builder();
    const graph = b.graph([1], b.quantize("x", 1, int(8, false, 1 / 255)));
    expect(listing(expectAgreement(graph, every, U8).program)).toEqual(["quantize lookup u8 → u8"]);
  });

  it("an element stands for the f32 next to its quotient", () => {
    const b = new Builder();
    const least = by(Math.fround(1 / 255)); // a little more than 1 / 255
    const graph = b.graph([1], b.quantize(b.step("x", 1, { kind: "sub", by: least }), 1, SIGN));
    const op = expectAgreement(graph, every, U8).program.ops[0]!;
    if (op.kind !== "quantize" || op.post.kind !== "lookup") expect.fail();
    expect([...op.post.table.slice(0, 3)]).toEqual([-1, 1, 1]);
  });

  it("constants per channel need thresholds or lines", () => {
    const b = new Builder();
    const x = b.step("x", 2, { kind: "mul", by: by(1, -0.7) });
    const graph = b.graph([2], b.dense(b.quantize(x, 2, int(6, true, 0.05)), [[1, 0]]));
    const elements = Uint8Array.from({ length: 512 }, (_, i) => i >> 1);
    expect(listing(expectAgreement(graph, elements, U8).program)[0]).toBe("quantize requantize u8 → i8");
  });

  it.each<[string, Int16Array | Float32Array, LowerOptions["input"], string]>([
    ["i16", Int16Array.from({ length: 65536 }, (_, i) => i - 32768), { dtype: "i16" }, "quantize requantize i16 → i8"],
    [
      "f32",
      Float32Array.of(-3.4e38, -1, -1e-45, -0, 0, 0.005, 0.0050000003, 1, 3.4e38),
      undefined,
      "quantize thresholds f32 → i8",
    ],
  ])("%s", (_, elements, input, first) => {
    const b = new Builder();
    const graph = b.graph([1], b.dense(b.quantize("x", 1, int(8, true, 0.01)), [[1]]));
    expect(listing(expectAgreement(graph, elements, input && { input }).program)[0]).toBe(first);
  });

  it("finds the same f32 on both sides of every threshold", () => {
    const b = new Builder();
    const graph = b.graph([1], b.quantize("x", 1, int(4, true, 0.1)));
    const edges = Float32Array.from({ length: 15 }, (_, i) => (i - 7.5) * 0.1);
    const bits = new Int32Array(edges.buffer);
    const near = new Float32Array(new Int32Array([...bits].flatMap((e) => [e - 2, e - 1, e, e + 1, e + 2])).buffer);
    expectAgreement(graph, near);
  });
});

describe("codes", () => {
  const weights = [[1, -1]];
  const x2 = Uint8Array.from({ length: 512 }, (_, i) => (i * 37) & 255);

  it.each<[string, (b: Builder) => string, string, number[]]>([
    ["unsigned", (b) => b.quantize("x", 2, int(8, false, 0.01)), "u8", [0]],
    ["signed", (b) => b.quantize("x", 2, int(8, true, 0.01)), "i8", [0]],
    ["a zero point that still fits a byte", (b) => b.quantize("x", 2, int(8, false, 0.01, 128)), "i8", [0]],
    ["a zero point that does not", (b) => b.quantize("x", 2, int(8, false, 0.01, 5)), "u8", [-5]],
    ["a signed one", (b) => b.quantize("x", 2, int(8, true, 0.01, -3)), "u8", [-125]],
    [
      "no zero point after a ReLU",
      (b) => b.step(b.quantize("x", 2, int(8, false, 0.01, 5)), 2, { kind: "relu" }),
      "u8",
      [0],
    ],
    ["signs for binary weights", (b) => b.quantize(b.step("x", 2, { kind: "sub", by: by(0.5) }), 2, SIGN), "bit", [0]],
  ])("%s", (_, codes, dtype, offset) => {
    const b = new Builder();
    const graph = b.graph([2], b.dense(codes(b), weights));
    const { program } = expectAgreement(graph, x2, U8);
    const dense = program.ops.at(-1)!;
    expect(program.tensors[dense.inputs[0]!]!.dtype).toBe(dtype);
    expect(program.description.tensors[dense.inputs[0]!]!.offset).toEqual(offset);
  });

  it("signs are bytes for other weights, and as an output", () => {
    for (const [rows, asOutput] of [
      [[[1, 0]], false],
      [weights, true],
    ] as const) {
      const b = new Builder();
      const signs = b.quantize(b.step("x", 2, { kind: "sub", by: by(0.5) }), 2, SIGN);
      const y = b.dense(signs, rows as number[][]);
      const { program } = expectAgreement(b.graph([2], y, ...(asOutput ? [signs] : [])), x2, U8);
      expect(program.tensors.map(({ dtype }) => dtype)).not.toContain("bit");
    }
  });

  it("pass through further quantizers without a tensor between", () => {
    const b = new Builder();
    const wide = b.quantize(b.dense(b.quantize("x", 2, int(4, false, 0.1)), [[1, 2]]), 1, int(16, true, 0.25));
    const graph = b.graph(
      [2],
      b.dense(b.quantize(b.step(wide, 1, { kind: "add", by: by(0.3) }), 1, int(4, true, 1)), [[1]]),
    );
    expect(listing(expectAgreement(graph, x2, U8).program)).toHaveLength(3);
  });
});

describe("sums", () => {
  const x2 = Uint8Array.from({ length: 512 }, (_, i) => (i * 37) & 255);

  it.each<[string, (b: Builder, sums: string) => string[], string[]]>([
    ["one quantizer: fused", (b, s) => [b.quantize(s, 2, int(4, true, 0.31))], ["dense int2 requantize u8 → i8"]],
    [
      "two quantizers: a tensor",
      (b, s) => [b.quantize(s, 2, int(4, true, 0.31)), b.quantize(s, 2, SIGN)],
      ["dense int2 u8 → i32", "quantize requantize i32 → i8", "quantize thresholds i32 → i8"],
    ],
    [
      "an output and a quantizer: a tensor",
      (b, s) => [b.step(s, 2, { kind: "add", by: by(0.5, 1) }), b.quantize(s, 2, SIGN)],
      ["dense int2 u8 → i32", "quantize thresholds i32 → i8"],
    ],
  ])("%s", (_, read, expected) => {
    const b = new Builder();
    const sums = b.dense(
      b.quantize("x", 2, int(4, false, 0.07)),
      [
        [1, -2],
        [0, 1],
      ],
      [1, -0.37],
    );
    const { program } = expectAgreement(b.graph([2], ...read(b, sums)), x2, U8);
    expect(listing(program).slice(1)).toEqual(expected);
  });

  it("leave out what no output depends on", () => {
    const b = new Builder();
    const codes = b.quantize("x", 2, int(4, false, 0.07));
    const y = b.dense(codes, [[1, -2]]);
    b.quantize(b.dense(codes, [[1, 1]]), 1, SIGN);
    expect(lower(b.graph([2], y), OPTIONS).program.ops).toHaveLength(2);
  });
});

describe("argmax", () => {
  /** x[2] → codes → three sums → steps → argmax, for all pairs of 4-bit codes. */
  const build = (scale: number[], ...steps: Step[]) => {
    const b = new Builder();
    const codes = b.quantize("x", 2, int(4, false, 1));
    let value = b.dense(
      codes,
      [
        [1, 0],
        [0, 1],
        [1, -1],
      ],
      scale,
    );
    for (const step of steps) value = b.step(value, 3, step);
    return b.graph([2], b.argmax(value));
  };
  const pairs = Uint8Array.from({ length: 512 }, (_, i) => (i % 2 === 0 ? (i >> 1) & 15 : i >> 5));
  const options: Partial<LowerOptions> = { input: { dtype: "u8", scale: 1 } };

  it("compares accumulators where all channels have one slope and offset", () => {
    const { program, notes } = expectAgreement(build([0.25], { kind: "add", by: by(0.5) }), pairs, options);
    expect(program.ops.at(-1)).toEqual({ kind: "argmax", inputs: [2], output: 3 });
    expect(program.description.tensors[2]).toEqual({ value: "v1", offset: [0] });
    expect(notes).toEqual([]);
  });

  it.each<[string, number[], Step[]]>([
    ["a bias per channel", [1], [{ kind: "add", by: by(0.25, 1.5, -3) }]],
    ["a scale per channel", [0.3, 0.7, 1.9], []],
    ["a falling slope", [-1], []],
    [
      "batch norm",
      [0.1],
      [{ kind: "batchnorm", mean: by(1, 2, 3), variance: by(0.5), epsilon: 1e-5, gamma: by(1, -2, 0), beta: by(0.3) }],
    ],
  ])("compares fixed-point scores with %s", (_, scale, steps) => {
    const { program, notes } = expectAgreement(build(scale, ...steps), pairs, options);
    const op = program.ops.at(-1)!;
    if (op.kind !== "argmax") expect.fail();
    const greatest = Math.max(...op.post!.multiplier.map(Math.abs));
    expect(greatest).toBeGreaterThanOrEqual(2 ** 30); // as fine as 32 bits allow
    expect(notes).toHaveLength(1);
  });

  it.each<[string, number[], Step[], RegExp]>([
    ["scales", [1e9, 0.1, 0.2], [], /slopes of up to 1000000000 .* steps of 2\^-1, .* 0\.1 · sum \+ 0 of channel 1/],
    ["large scales", [1e12, 0.1, 0.2], [], /slopes of up to 1000000000000 .* steps of 2\^9, .* of channel 1/],
    ["scales of which the small ones are equal", [1e11, 0.1, 0.1], [], /which is greater, .* 0\.1 · sum/],
    [
      "offsets",
      [0.7, 0.3, 0.1],
      [{ kind: "add", by: by(1e24, 0, 0) }],
      /scores of up to 1e\+24, .* of channel 1 or .* channel 2/,
    ],
  ])("refuses %s so unlike that fixed point cannot rank the classes", (_, scale, steps, message) => {
    expect(() => lower(build(scale, ...steps), OPTIONS)).toThrow(UnsupportedError);
    expect(() => lower(build(scale, ...steps), OPTIONS)).toThrow(message);
  });

  it.each<[string, number[], Step[]]>([
    ["scales that are apart by powers of two", [2 ** 40, 2 ** 10, 2 ** 10], []],
    ["a scale that is large beside one class alone", [1e9, 1e9, 0.1], [{ kind: "add", by: by(0, 0, -1e12) }]],
    ["scales of which one is 10,000 times the others", [1e4, 0.7, 0.9], []],
    [
      "channels that say nothing, in any order",
      [1],
      [
        { kind: "mul", by: by(1, 1e-20, 0) },
        { kind: "add", by: by(0, 3, 4) },
      ],
    ],
    [
      "constants alone",
      [1],
      [
        { kind: "mul", by: by(0) },
        { kind: "add", by: by(0.1, 0.3, 0.3) },
      ],
    ],
  ])("compares %s", (_, scale, steps) => {
    expectAgreement(build(scale, ...steps), pairs, options);
  });

  it("keeps ties of channels with equal constants", () => {
    const steps: Step[] = [
      { kind: "mul", by: by(0.3) },
      { kind: "add", by: by(0, 0, 0.1) },
    ];
    const b = new Builder();
    const codes = b.quantize("x", 2, int(8, false, 1, 5)); // stored with an offset, which differs per channel of the sums
    let value = b.dense(codes, [
      [1, 3],
      [3, 1],
      [1, 0],
    ]);
    for (const step of steps) value = b.step(value, 3, step);
    expectAgreement(b.graph([2], b.argmax(value)), pairs, options);
    expectAgreement(b.graph([2], b.argmax(value)), Uint8Array.of(7, 7, 255, 255, 6, 6), options);
  });

  it("refuses what bends the scores", () => {
    expect(() => lower(build([1], { kind: "relu" }), OPTIONS)).toThrow(/relu "n2" \[3\]: it stands before argmax "n3"/);
  });

  it("compares codes of a quantizer, the first among equals", () => {
    const b = new Builder();
    const sums = b.dense(b.quantize("x", 2, int(4, false, 1)), [
      [1, 0],
      [0, 1],
    ]);
    const graph = b.graph([2], b.argmax(b.quantize(sums, 2, int(2, false, 5, 1))));
    expect(listing(expectAgreement(graph, pairs, options).program).slice(2)).toEqual([
      "dense ternary i8 → i32",
      "argmax i32 → i32",
    ]);
  });
});

describe("two inputs", () => {
  it("are quantized before anything else", () => {
    const b = new Builder();
    const y1 = b.dense(b.quantize("x", 1, int(4, true, 0.1)), [[3]]);
    const y2 = b.dense(b.quantize("z", 2, int(4, true, 0.2)), [[1, -1]]);
    const graph = b.graph([1], y1, y2);
    graph.inputs.push({ name: "z", shape: [2] });
    const { program } = lower(graph, OPTIONS);
    expect(program.ops.map(({ kind }) => kind)).toEqual(["quantize", "quantize", "dense", "dense"]);
    const inputs = [Float32Array.of(0.31, -2), Float32Array.of(1, 0.1, -0.5, 5)];
    const { tensors } = runReference(program, inputs, 2);
    const found = program.outputs.map((t, i) =>
      scores(program.description.outputs[i]!, program.tensors[t]!, tensors[t]!),
    );
    expect(found).toEqual(evaluate(graph, inputs, 2));
  });
});

describe("refusals", () => {
  it.each<[string, (b: Builder) => string[], RegExp]>([
    [
      "an input without a quantizer",
      (b) => [b.step("x", 2, { kind: "relu" })],
      /no quantizer between the input and this output.*--input-quant/,
    ],
    [
      "an input with two",
      (b) => [b.quantize("x", 2, SIGN), b.quantize("x", 2, int(4, true, 1))],
      /input "x" \[2\]: 2 quantizers read it/,
    ],
    [
      "codes of more than a byte",
      (b) => [b.dense(b.quantize("x", 2, int(9, true, 1)), [[1, 1]])],
      /quantize "n0" \[2\]: its codes take 512 values/,
    ],
    [
      "weights of more than a byte",
      (b) => [b.dense(b.quantize("x", 2, SIGN), [[128, 1]])],
      /dense "n1" \[1, 2\]: the codes of its weights "w" leave/,
    ],
    [
      "sums of more than 32 bits",
      (b) => [b.dense(b.quantize("x", 2, int(8, false, 1)), [new Array(70_000).fill(127)])],
      /output channel 0 sums to 0 … 2266950000, beyond 32 bits/,
    ],
  ])("%s", (_, build, message) => {
    const b = new Builder();
    const outputs = build(b);
    const dense = b.nodes.find((node) => node.op === "dense");
    for (const node of b.nodes) if (node.op === "quantize") node.channels = dense?.weights.inputs ?? 2;
    const graph = b.graph([dense?.weights.inputs ?? 2], ...outputs);
    expect(() => lower(graph, OPTIONS)).toThrow(UnsupportedError);
    expect(() => lower(graph, OPTIONS)).toThrow(message);
  });

  it("come all at once", () => {
    const b = new Builder();
    const bad = (codes: string) => b.step(b.dense(codes, [[1, 1]]), 1, { kind: "rdiv", by: by(1) });
    const codes = b.quantize("x", 2, int(4, true, 1));
    const graph = b.graph([2], b.quantize(bad(codes), 1, SIGN), b.quantize(bad(codes), 1, SIGN));
    expect(() => lower(graph, OPTIONS)).toThrow(/^2 nodes cannot be converted/);
  });
});

it("the same graph makes the same program", () => {
  for (let seed = 0; seed < 20; seed++) {
    const [a, b] = [randomGraph(seed), randomGraph(seed)].map((graph) => {
      try {
        return lower(graph, { ...OPTIONS, ...U8 });
      } catch (error) {
        if (error instanceof UnsupportedError) return error.reasons;
        throw error;
      }
    });
    expect(a).toEqual(b);
  }
});
