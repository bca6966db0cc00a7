import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../base/package_root.ts";

/** What one turn of each loop of a kernel costs, in instructions: in the order of its terms (host/cost/instructions.ts). By the kernel's name. */
export type Costs = Record<string, number[]>;

/** What a firmware without a model takes, in bytes, and its kernels' instructions, as measured: measured.json, by board, runtime and module. */
export interface Measured {
  /** Flash: code and constants. */
  code: number;
  /** RAM: variables. */
  variables: number;
  /** RAM: the stack that is set aside. */
  stack: number;
  /** Instructions; absent where the board has no RAM for the module. */
  costs?: Costs;
}

/** `npm run firmware:measure` writes it. */
export function readMeasured(): Record<string, Record<string, Record<string, Measured>>> {
  return JSON.parse(readFileSync(join(packageRoot(), "host", "cost", "measured.json"), "utf8"));
}
