import { expect, it } from "vitest";
import { formatNetworks, formatProducts } from "../../tools/bench/beside.ts";
import type { PeerResult, ProductResult } from "../../tools/bench/products.ts";
import type { Recorded } from "../../tools/bench/records.ts";
import { costRows, networkRow, peerRow, productRow } from "../../tools/bench/rows.ts";

const timing = { median: 2, p25: 1.6, p75: 4, batches: 7, callsPerBatch: 3 };
const size = { M: 1000, K: 1000, rows: 8 };
const OURS: ProductResult = {
  ...{ weights: "ternary", activation: "i8", engine: "v8", variant: "scalar" },
  ...{ ...size, timing, weightBytes: 250_000, relativeError: 0.00412 },
};
const THEIRS: PeerResult = {
  ...{ peer: "ggml TQ2_0", weights: "ternary", ...size, timing: { ...timing, median: 1 } },
  ...{ weightBytes: 1e6, relativeError: 1e-7 },
};

const inRun = <Row>(run: number, row: Row): Recorded<Row> => ({ ...row, run });

it("a product has its rate, the rates between which a half of the batches lie, and what it costs beside time", () => {
  expect(productRow(OURS)).toEqual({
    ...{ weights: "ternary", activation: "i8", ...size, engine: "v8", variant: "scalar" },
    ...{ gmacs: { median: 4, p25: 2, p75: 5 }, weightGigabytes: 0.125 },
  });
  expect(costRows([OURS, { ...OURS, K: 7, M: 7 }])).toEqual([
    { weights: "ternary", activation: "i8", bytesPerWeight: 0.25, relativeError: 0.0041 },
  ]);
  expect(peerRow(THEIRS)).toMatchObject({
    peer: "ggml TQ2_0",
    gmacs: { median: 8 },
    bytesPerWeight: 1,
    weightGigabytes: 1,
  });
});

it("the page has a line for each kind of product: of the largest shape, for the least and the most rows, beside the same of the same run", () => {
  const ours = [
    inRun(0, productRow(OURS)),
    inRun(0, productRow({ ...OURS, rows: 16 })), // in the middle: not shown
    inRun(0, productRow({ ...OURS, rows: 64 })),
    inRun(1, productRow({ ...OURS, variant: "simd", timing: { ...timing, median: 0.05 } })), // of another run
    inRun(0, productRow({ ...OURS, variant: "simd", rows: 64, timing: { ...timing, median: 0.05 } })),
    inRun(0, productRow({ ...OURS, K: 500, M: 500, timing: { ...timing, median: 0.01 } })), // a smaller shape
  ];
  const peers = [THEIRS, { ...THEIRS, rows: 64 }, { ...THEIRS, K: 500, M: 500, timing }].map((each) =>
    inRun(0, peerRow(each)),
  );
  expect(formatProducts(ours, costRows([OURS]), peers)).toEqual([
    "|              | bytes |  error | beside     |    its rate |   v8 scalar | v8 simd |",
    "| ------------ | ----: | -----: | ---------- | ----------: | ----------: | ------: |",
    "| ternary × i8 | 0.250 | 4.1e-3 | ggml TQ2_0 | 8.00 / 64.0 | 0.50 / 0.50 |  – / 20 |",
  ]);
  expect(formatProducts(ours, [], [])[2]).toMatch(/^\| ternary × i8 \|( +\|){3} +– \/ – \|/);
});

it("the page has a line for each network, beside its twin in floats", () => {
  const network = { network: "tiny.onnx", rows: 64, engine: "v8", variant: "scalar", timing };
  const rows = [
    { ...network, engine: "ort", variant: "fp32", timing: { ...timing, median: 3 } },
    network,
    { ...network, rows: 1 },
  ].map((each) => inRun(0, networkRow(each)));
  expect(formatNetworks(rows)).toEqual([
    "|           | beside   |   its rate | v8 scalar |",
    "| --------- | -------- | ---------: | --------: |",
    "| tiny.onnx | ort fp32 | – / 21,330 |   – / 1.5 |",
  ]);
});
