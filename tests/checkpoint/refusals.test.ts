import { describe, expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { importOnnx } from "../../host/checkpoint/onnx/import.ts";
import {
  type Draft,
  decodeModel,
  encodeModel,
  type GraphProto,
  type ModelProto,
} from "../../host/checkpoint/onnx/proto.ts";
import { lower } from "../../host/lower/lower.ts";
import { smallCheckpoint } from "../tools/tern.ts";

const NO_SOURCE = { format: "", file: "", bytes: 0, sha256: "" };

const QUANT = { signed: 1n, narrow: 0n, rounding_mode: "ROUND" };
const CONSTANTS = [
  floatTensor("half", [], [0.5]),
  floatTensor("zero", [], [0]),
  floatTensor("four", [], [4]),
  floatTensor("w", [4, 2], [1, 0, -1, 1, 1, 0, -1, 1]),
];

/** x (N, 4) → y. */
function file(nodes: Draft<GraphProto>["node"], more: Draft<GraphProto> = {}): Draft<ModelProto> {
  const ends = { input: [valueInfo("x", ["N", 4])], output: [valueInfo("y", [])] };
  const graph = { name: "g", node: nodes ?? [], initializer: CONSTANTS, ...ends, ...more };
  return model(graph, { "": 13, "onnx.brevitas": 1 }, { name: "tests", version: "1" });
}

const quant = (x: string, y: string) => node("Quant", [x, "half", "zero", "four"], y, QUANT, "onnx.brevitas");
const product = node("MatMul", ["q", "w"], "y");

function refusal(draft: Draft<ModelProto> | Uint8Array): string | undefined {
  try {
    const { graph } = importOnnx(draft instanceof Uint8Array ? draft : encodeModel(draft));
    lower(graph, { modelId: 0n, modelVersion: 1, source: NO_SOURCE, converter: { version: "", choices: {} } });
    return undefined;
  } catch (error) {
    if (error instanceof TernError) return error.message;
    throw error;
  }
}

describe("a refusal says what is wrong", () => {
  const branch = (value: string) => ({ node: [node("Relu", [value], "inner")], output: [valueInfo("inner", [])] });
  /** A graph as the bytes of an attribute: the field `graph` of a model without its tag and length. */
  const bytesOf = (graph: Draft<GraphProto>) => encodeModel({ graph }).subarray(behindLength(encodeModel({ graph })));
  const behindLength = (bytes: Uint8Array) => bytes.findIndex((byte, i) => i > 0 && byte < 128) + 1;
  const conditional = (value: string) => {
    const graph = bytesOf(branch(value));
    const ways = ["then_branch", "else_branch"].map((name) => ({ name, g: graph, type: 5 }));
    return { input: ["zero"], output: ["c"], name: "choice", op_type: "If", attribute: ways };
  };
  const loop = {
    input: [],
    output: ["c"],
    name: "again",
    op_type: "Loop",
    attribute: [
      { name: "body", graphs: [bytesOf({ node: [conditional("q")], output: [valueInfo("c", [])] })], type: 10 },
    ],
  };
  const sparse = { values: { name: "sw" } };

  it.each<[string, Draft<ModelProto>, string]>([
    [
      "nodes that are not in the order they run in",
      file([product, quant("x", "q")]),
      'MatMul "MatMul_y" reads "q", which Quant "Quant_q", a later node, defines: the nodes are not in topological order',
    ],
    ["nodes in a ring", file([{ ...quant("y", "q") }, product]), "not in topological order"],
    [
      "a branch that captures",
      file([quant("x", "q"), conditional("q"), node("MatMul", ["c", "w"], "y")]),
      'If "choice" []: no such op here',
    ],
    [
      "a loop with a branch inside that captures",
      file([quant("x", "q"), loop, node("MatMul", ["c", "w"], "y")]),
      'Loop "again": no such op here',
    ],
    [
      "a sparse initializer",
      file([quant("x", "q"), node("MatMul", ["q", "sw"], "y")], { sparse_initializer: [sparse] }),
      'sparse initializer "sw": it is sparse',
    ],
    [
      "a node without a name",
      file([
        { ...quant("x", "q"), name: "" },
        { input: ["q", "nowhere"], output: ["y"], op_type: "MatMul" },
      ]),
      'MatMul "MatMul_1" reads "nowhere"',
    ],
    [
      "a node without an op",
      file([quant("x", "q"), { input: ["q"], output: ["y"] }]),
      'node without an op type "node_1" [N, 4]: no such op here',
    ],
    [
      "an attribute without a value",
      file([{ input: [], output: ["y"], op_type: "Constant", attribute: [{ name: "value" }] }]),
      'Constant "Constant_0": attribute "value" has no value, expected one of type 4',
    ],
    [
      "a missing attribute",
      file([{ ...quant("x", "q"), attribute: [] }, product]),
      'attribute "signed" is absent, expected 0 or 1',
    ],
    [
      "more axes than any network has",
      file([
        node("Unsqueeze", ["x"], "u", { axes: [1n, 2n, 3n, 4n] }),
        node("Unsqueeze", ["u"], "y", { axes: [1n, 2n, 3n] }),
      ]),
      "its result has 9 axes. Instead: at most 8",
    ],
  ])("%s", (_, draft, expected) => {
    expect(refusal(draft)).toContain(expected);
  });
});

/** Every value of a tree of messages, as the object that holds it and its key there. */
function* fieldsOf(message: object): Generator<[holder: Record<string, unknown>, key: string]> {
  for (const [key, value] of Object.entries(message)) {
    yield [message as Record<string, unknown>, key];
    if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) yield* fieldsOf(value);
  }
}

/** What may stand in a field instead. */
function others(value: unknown): unknown[] {
  if (typeof value === "number") return [undefined, 0, -1, 3, 2 ** 40, Number.NaN];
  if (typeof value === "string") return [undefined, "", "nowhere", "y"];
  if (Array.isArray(value)) return [[], value.slice(1), [...value, ...value]];
  return [undefined];
}

describe("no refusal speaks of undefined, null or NaN", () => {
  /** A number of the file that is none is called what it is. */
  const TOLD = /is NaN, expected a finite number/g;
  const files: [string, Uint8Array][] = [
    ...(["scores", "codes", "index", "both", "sigmoid"] as const).map((end): [string, Uint8Array] => [
      end,
      smallCheckpoint(end),
    ]),
    [
      "attributes",
      encodeModel(
        file([
          node("Clip", ["x"], "c", { min: -1, max: 1 }),
          node("Unsqueeze", ["c"], "u", { axes: [1n] }),
          node("Transpose", ["u"], "t", { perm: [0n, 1n, 2n] }),
          node("Flatten", ["t"], "f", { axis: 1n }),
          quant("f", "q"),
          { ...product, output: ["p"] },
          node("Softmax", ["p"], "y", { axis: 1n }),
        ]),
      ),
    ],
  ];

  it.each(files)("%s, with every field in turn left out or changed", (_, bytes) => {
    const count = [...fieldsOf(decodeModel(bytes))].length;
    let refusals = 0;
    for (let i = 0; i < count; i++) {
      for (const way of [0, 1 + (i % 5)]) {
        const draft = decodeModel(bytes);
        const [holder, key] = [...fieldsOf(draft)][i]!;
        const choices = others(holder[key]);
        const choice = choices[way % choices.length];
        if (choice === undefined && Array.isArray(holder)) (holder as unknown[]).splice(Number(key), 1);
        else holder[key] = choice;
        let changed: Uint8Array;
        try {
          changed = encodeModel(draft);
        } catch {
          continue; // no file can hold it
        }
        const message = refusal(changed);
        if (message === undefined) continue;
        refusals++;
        expect(message.replace(TOLD, ""), `${key}: ${String(choice)}`).not.toMatch(
          /undefined|null|NaN|\[object|Infinity/,
        );
      }
    }
    expect(refusals).toBeGreaterThan(20);
  });
});
