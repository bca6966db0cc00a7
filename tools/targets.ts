import { TARGETS, type Target } from "../host/index.ts";

/** Option of the commands that write a blob. */
export const TARGET_ARG = {
  type: "enum" as const,
  options: Object.keys(TARGETS) as Target[],
  valueHint: "TARGET",
  description: `${lines(Object.keys(TARGETS))}\nStreamed weights need any, or the core`,
};

/** Names with commas, five a line. */
function lines(names: string[]): string {
  const starts = names.flatMap((_, i) => (i % 5 === 0 ? [i] : []));
  return starts.map((start) => names.slice(start, start + 5).join(", ")).join(",\n");
}
