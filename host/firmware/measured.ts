import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FIRMWARE } from "./folder.ts";

/** What a firmware without a model takes, in bytes, as measured: measured.json, by board, runtime and module. */
export interface Measured {
  /** Flash: code and constants. */
  code: number;
  /** RAM: variables. */
  variables: number;
  /** RAM: the stack that is set aside. */
  stack: number;
}

/** `npm run firmware:measure` writes it. */
export function readMeasured(): Record<string, Record<string, Record<string, Measured>>> {
  return JSON.parse(readFileSync(join(FIRMWARE, "measured.json"), "utf8"));
}
