#!/usr/bin/env node
import { asInputError } from "../host/base/file_errors.ts";
import { FAILED, runLine } from "./command_line.ts";
import { printErrors } from "./terminal/print.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(); // `tern … | head` has read enough
  printErrors([`tern: ${asInputError(error, "the standard output cannot be written").message}`]);
  process.exit(FAILED);
});
process.stderr.on("error", () => {}); // then nobody can be told

await runLine(process.argv.slice(2));
