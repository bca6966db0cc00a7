import { parseArgs } from "node:util";
import { hasWords } from "../command_line.ts";
import { COLUMNS, type ColumnName } from "./goals.ts";
import { measureColumn } from "./measure.ts";

// One column of the goals, in a process of the Node that it is about: run.ts starts it. Prints a ColumnResult as JSON.

const { values: options } = parseArgs({
  options: { column: { type: "string", default: "" }, filter: { type: "string", default: "" } },
});
if (!Object.hasOwn(COLUMNS, options.column)) {
  throw new Error(`--column "${options.column}", expected ${Object.keys(COLUMNS).join(", ")}`);
}
const column = options.column as ColumnName;
const result = await measureColumn(column, hasWords(options.filter), (label) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${label}`);
});
result.versions[`V8 of Node ${process.versions.node}`] = process.versions.v8;
process.stdout.write(JSON.stringify(result));
