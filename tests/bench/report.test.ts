import { expect, it } from "vitest";
import type { ProductResult } from "../../tools/bench/products.ts";
import { formatMarkdown, formatNumber, formatReport, jsonReport, type Report } from "../../tools/bench/report.ts";

const timing = { median: 2, p25: 1.6, p75: 4, batches: 7, callsPerBatch: 3 };
const size = { M: 1000, K: 1000, rows: 8 };
const ours: ProductResult = {
  ...{ weights: "ternary", activation: "i8", engine: "v8", variant: "scalar" },
  ...{ ...size, timing, weightBytes: 250_000, relativeError: 0.00412 },
};
const REPORT: Report = {
  command: "npm run bench -- --peers",
  machine: { CPU: "abacus, 1 core", date: "2026-01-02" },
  products: [ours, { ...ours, engine: "wasmtime", rows: 1 }],
  peers: [
    { peer: "bead", weights: "int8", ...size, timing: { ...timing, median: 1 }, weightBytes: 1e6, relativeError: 1e-7 },
  ],
  networks: [
    { network: "tiny.onnx", rows: 64, engine: "ort", variant: "fp32", timing: { ...timing, median: 3 } },
    { network: "tiny.onnx", rows: 64, engine: "v8", variant: "scalar", timing },
    { network: "tiny.onnx", rows: 1, engine: "v8", variant: "scalar", timing },
  ],
  clock: 3.5,
  missing: ["no slide rule"],
};

it("the measurements' part of BENCHMARKS.md looks like this", () => {
  expect(formatReport(REPORT).join("\n")).toMatchInlineSnapshot(`
    "## Measurements

    Measured by \`npm run bench -- --peers\`, on one thread.

    - CPU: abacus, 1 core
    - date: 2026-01-02
    - Not measured: no slide rule

    ## Matrix products

    y = W · x with given weights, floats in and floats out: quantizing x and scaling y are timed too. Before it was timed, every
    accumulator was found equal to the plain sum of products of codes; the relative error is what quantizing x costs y, for x uniform in
    [−1, 1]. The rate is the median of several batches of calls, p25–p75 the rates of the middle half of them; GB/s counts the packed
    weights once for all rows.

    A column \`/ peer\` is the rate divided by that peer's, for a product of the same size in the same run. The peers quantize x to 8 bits
    (F32 and fp32: not at all); beside narrower activations they are a yardstick, not the same task.

    ### ternary × i8

    0.250 bytes per weight, relative error 4.1e-3.

    | K = M | rows | engine   | variant | GMAC/s |     p25–p75 |  GB/s | / bead |
    | ----: | ---: | -------- | ------- | -----: | ----------: | ----: | -----: |
    |  1000 |    8 | v8       | scalar  |   4.00 |   2.00–5.00 | 0.125 |   0.50 |
    |  1000 |    1 | wasmtime | scalar  |  0.500 | 0.250–0.625 | 0.125 |        |

    ## Peers

    The limit of 128-bit multiplication, which is all that WebAssembly has, is **112 GMAC/s** on this CPU: two instructions
    of 16 multiply-accumulates in a cycle, at 3.50 GHz. The clock is measured: of a chain of additions, each of which waits for the one
    before, one is done in a cycle. Binary products, which count bits, and products looked up in tables are not bound by it, nor is native
    code, which has vectors of 256 and 512 bits.

    ORT is onnxruntime-node. ORT-web and LiteRT.js run in the V8 that runs us, LiteRT in Python, where it is timed.

    | peer | weights | K = M | rows | GMAC/s |   p25–p75 | GB/s | bytes per weight | relative error |
    | ---- | ------- | ----: | ---: | -----: | --------: | ---: | ---------------: | -------------: |
    | bead | int8    |  1000 |    8 |   8.00 | 2.00–5.00 | 1.00 |             1.00 |         1.0e-7 |

    ## Whole networks

    Pixels in, scores out, through \`Session.run\`. Outputs were equal to the reference's before they were timed. 784-256-256-10 is ternary,
    with 4-bit codes between layers and random weights.

    fp32 is the same network without its quantizers, in one thread of that library: f32 weights, batch norms folded into them, ReLU or
    clipping in place of the quantizers between layers, pixels given as floats.

    | network   | rows | engine | variant | samples/s |       p25–p75 | / ort |
    | --------- | ---: | ------ | ------- | --------: | ------------: | ----: |
    | tiny.onnx |   64 | ort    | fp32    |    21,333 | 16,000–40,000 |  1.00 |
    | tiny.onnx |   64 | v8     | scalar  |    32,000 | 16,000–40,000 |  1.50 |
    | tiny.onnx |    1 | v8     | scalar  |       500 |       250–625 |       |"
  `);
});

it("has no section for what was not measured", () => {
  const lines = formatReport({ ...REPORT, command: "npm run bench", peers: [], networks: [], missing: [] });
  expect(lines.filter((line) => line.startsWith("#"))).toEqual([
    "## Measurements",
    "## Matrix products",
    "### ternary × i8",
  ]);
  expect(lines.join("\n")).not.toContain("peer");
});

it("--json has the rates and ratios as well", () => {
  const { products, peers, networks } = jsonReport(REPORT);
  expect(products.map(({ gmacs, bytesPerWeight, ratios }) => ({ gmacs, bytesPerWeight, ratios }))).toEqual([
    { gmacs: 4, bytesPerWeight: 0.25, ratios: { bead: 0.5 } },
    { gmacs: 0.5, bytesPerWeight: 0.25, ratios: { bead: undefined } },
  ]);
  expect(peers[0]).toMatchObject({ gmacs: 8, weightGigabytes: 1 });
  expect(networks[1]).toMatchObject({ samplesPerSecond: 32_000 });
});

it("aligns Markdown in the source", () => {
  expect(
    formatMarkdown("lr", [
      ["a", "b"],
      ["long", "1"],
    ]),
  ).toEqual(["| a    |  b |", "| ---- | -: |", "| long |  1 |"]);
});

it.each([
  [1234.5, "1,235"],
  [99.96, "100"],
  [12.34, "12.3"],
  [0.012345, "0.0123"],
])("writes %d as %s", (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
