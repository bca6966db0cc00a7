import { defineCommand } from "citty";
import { VERSION } from "../../host/version.ts";

export const EXAMPLE = "version";

export default defineCommand({
  meta: { name: "version", description: "Print the version" },
  args: {},
  run: () => console.log(VERSION),
});
