import { boardNames } from "../../host/firmware/boards.ts";
import { RUNTIMES } from "../../host/firmware/make/runtimes.ts";

/** Options of the commands that speak of a model in a firmware. */
export const DEVICE_ARGS = {
  runtime: {
    type: "string" as const,
    valueHint: "NAME",
    default: "wasm2c" as const,
    values: Object.keys(RUNTIMES),
    description: "What runs the module",
  },
  module: {
    type: "string" as const,
    valueHint: "NAME",
    values: [...new Set(Object.values(RUNTIMES).flatMap(({ modules }) => modules))],
    description: "A larger module, which is faster (else the smallest)",
  },
};

/** A board by its name, or by a file of its own. */
export const BOARD_ARG = {
  type: "string" as const,
  valueHint: "NAME",
  values: boardNames(),
  description: "A board, or the .json file of one",
};
