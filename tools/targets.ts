import { TARGETS, type Target } from "../host/index.ts";

/** Option of the commands that write a blob. */
export const TARGET_ARG = {
  type: "enum" as const,
  options: Object.keys(TARGETS) as Target[],
  valueHint: "TARGET",
  description: `${lines(Object.keys(TARGETS))}\nStreamed weights need any, or the core`,
};

/** Names with commas, as many a line as a screen of 80 columns has room for behind the names of options and before a default. */
function lines(names: string[]): string {
  const texts = [""];
  for (const name of names) {
    const last = texts.at(-1)!;
    if (`${last} ${name}`.length > 38) texts.push(name);
    else texts[texts.length - 1] = last === "" ? name : `${last}, ${name}`;
  }
  return texts.join(",\n");
}
