import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../host/engines/package_root.ts";
import { EngineError, VARIANTS, v8, variantProblem } from "../../host/index.ts";
import { createWasmtime, readModule } from "../../host/node.ts";
import { writeFileAtomic } from "../files.ts";
import { printResult } from "../terminal/print.ts";
import { describeMachine } from "./machine.ts";
import { measureNetworks } from "./networks.ts";
import { openPeers } from "./peers.ts";
import { measureProducts, type Runner } from "./products.ts";
import { formatReport, jsonReport, type Report } from "./report.ts";
import { EFFORT, QUICK } from "./timing.ts";

// npm run bench: measures the kernels and some whole networks in every engine, and writes BENCHMARKS.md.

const ROWS = [1, 8, 64];
const SIZES = [256, 1024, 2048, 4096];
const QUICK_SIZES = [256, 1024];

const { values: options } = parseArgs({
  options: {
    filter: { type: "string" }, // words, all of which a measurement's label has: "ternary K=1024 v8"
    json: { type: "boolean", default: false },
    peers: { type: "boolean", default: false }, // measure others beside us; npm run bench:peers installs them
    quick: { type: "boolean", default: false }, // small sizes, short times: to see that it works
  },
});

const words = options.filter?.split(/\s+/) ?? [];
const missing: string[] = [];
const plan = {
  runners: await openRunners(),
  effort: options.quick ? QUICK : EFFORT,
  wants: (label: string) => words.every((word) => label.includes(word)),
  onProgress: showProgress,
  onMissing,
};
const { libraries, missing: missingPeers } = options.peers ? await openPeers() : { libraries: [], missing: [] };
missingPeers.forEach(onMissing);

const { ours, peers } = await measureProducts({
  ...plan,
  shapes: (options.quick ? QUICK_SIZES : SIZES).map((size) => ({ M: size, K: size })),
  rows: ROWS,
  peers: libraries.flatMap((library) => library.peers),
});
const networks = await measureNetworks(plan);
showProgress("");
if (ours.length + networks.length === 0) {
  console.error(`bench: nothing has all the words of --filter "${options.filter}"`);
  process.exit(2);
}

const engines = plan.runners.map(({ engine }) => [engine.name, engine.version] as const);
const report: Report = {
  command: formatCommand(process.argv.slice(2)),
  machine: describeMachine({
    ...Object.fromEntries(engines.filter(([name]) => name !== "v8")),
    ...Object.fromEntries(libraries.map(({ name, version }) => [name, version])),
  }),
  products: ours,
  peers,
  networks,
  missing,
};
printResult(
  options.json,
  () => jsonReport(report),
  () => formatReport(report),
);
if (!options.filter && !options.quick) {
  await writeFileAtomic(join(packageRoot(), "BENCHMARKS.md"), Buffer.from(`${formatReport(report).join("\n")}\n`));
}

/** The command as it is typed. */
function formatCommand(args: string[]): string {
  const quoted = args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg));
  return ["npm run bench", ...(args.length > 0 ? ["--"] : []), ...quoted].join(" ");
}

/** One changing line, on a terminal only. */
function showProgress(label: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${label}`);
}

function onMissing(reason: string): void {
  missing.push(reason);
  console.error(`SKIPPED: ${reason}`);
}

/** Every engine that is here, with every variant that it computes right. */
async function openRunners(): Promise<Runner[]> {
  const engines = [v8];
  try {
    engines.push(await createWasmtime());
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    onMissing(error.message);
  }
  const runners: Runner[] = [];
  for (const engine of engines) {
    for (const variant of VARIANTS.toReversed()) {
      const module = await readModule(variant);
      const problem = await variantProblem(engine, module);
      if (problem === undefined) runners.push({ engine, variant, module });
      else onMissing(`${variant} ${problem.replace(/\n.*/s, "")}, in ${engine.name} ${engine.version}`);
    }
  }
  return runners;
}
