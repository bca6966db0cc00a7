import { TARGETS, type Target } from "../../host/index.ts";

/** Option of the commands that write a blob. */
export const TARGET_ARG = {
  type: "enum" as const,
  options: Object.keys(TARGETS) as Target[],
  valueHint: "TARGET",
  description: "What runs it. Streamed weights need any, or the core",
};
