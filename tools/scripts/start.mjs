// `npm start`: set-up, then the whole path from the example checkpoint to answers.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PROJECT, setup } from "./setup.mjs";

await setup();
const demo = join(PROJECT, "dist", "tools", "demo.js");
const { status } = spawnSync(process.execPath, [demo, ...process.argv.slice(2)], { cwd: PROJECT, stdio: "inherit" });
process.exitCode = status ?? 1; // null where a signal ended it
