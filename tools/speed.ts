import { load, type Program, writeBlob } from "../host/index.ts";
import { mulberry32 } from "../host/numbers/random.ts";
import type { Runner } from "./runners.ts";

/** The product that is timed: one row of so many u8 codes with as many ternary channels. */
export const SIZE = 1024;

/** Milliseconds that it runs before it counts, and while it does. */
const WARM_UP_MS = 40;
const MEASURE_MS = 100;

/** A rough measurement: microseconds of the product in an engine, the call from here and the copies of its ends included. The median of all calls. */
export async function measureSpeed({ engine, variant, module }: Runner): Promise<number> {
  const session = await load({ engine, variant, module, blob: writeBlob(product()) });
  const row = Uint8Array.from({ length: SIZE }, (_, i) => i & 255);
  const times: number[] = [];
  const start = performance.now();
  for (let now = start; now < start + WARM_UP_MS + MEASURE_MS || times.length === 0; ) {
    session.run(row);
    const end = performance.now();
    if (end > start + WARM_UP_MS) times.push(end - now);
    now = end;
  }
  session.dispose();
  times.sort((a, b) => a - b);
  return 1000 * times[times.length >> 1]!;
}

function product(): Program {
  const random = mulberry32(1);
  const weights = Int8Array.from({ length: SIZE * SIZE }, () => Math.floor(3 * random()) - 1);
  return {
    ...{ modelId: 0n, modelVersion: 0, maxRows: 1 },
    arena: { fixed: 0, perRow: 5 * SIZE },
    tensors: [
      { dtype: "u8", height: 1, width: 1, channels: SIZE, fixed: 0, perRow: 0 },
      { dtype: "i32", height: 1, width: 1, channels: SIZE, fixed: 0, perRow: SIZE },
    ],
    ops: [{ kind: "dense", inputs: [0], output: 1, dtype: "ternary", packing: "field2", weights }],
    ...{ inputs: [0], outputs: [1] },
  };
}
