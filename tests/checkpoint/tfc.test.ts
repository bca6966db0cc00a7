import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";
import { TFC } from "./data.ts";
it.runIf(existsSync(TFC))("x", () => {
  const c = readCheckpoint(readFileSync(TFC));
  console.log(c.producer, c.notes, c.graph.name, c.graph.inputs, c.graph.outputs);
  for (const n of c.graph.nodes) console.log(n.op, n.name, n.input, n.output, n.channels, JSON.stringify(n.op === "step" ? n.step : n.op === "quantize" ? n.quantizer : n.op === "dense" ? { ...n.weights, codes: 0 } : "").slice(0, 150));
});
