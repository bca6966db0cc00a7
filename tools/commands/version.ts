import { defineCommand } from "citty";
import { VERSION } from "../../host/base/version.ts";
import { printLines } from "../terminal/print.ts";

export const EXAMPLE = "version";

export default defineCommand({
  meta: { name: "version", description: "Print the version" },
  args: {},
  run: () => printLines([VERSION]),
});
