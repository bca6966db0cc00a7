import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../host/base/package_root.ts";
import { writeFileAtomic } from "../files/outputs.ts";
import {
  compileKernels,
  formatCode,
  kernelRows,
  labelOf,
  missingForMachineCode,
  versionsOnPi,
} from "../rigs/pi/machine_code.ts";
import { openRunners } from "../runners.ts";
import { printLines, printResult } from "../terminal/print.ts";
import { limitOf128Bits, measureClock } from "./clock.ts";
import { formatCommand, hasWords } from "./command_line.ts";
import { runDevice, runDeviceGoals } from "./device/bench_device.ts";
import { deviceGoalRow, deviceRows } from "./device/rows.ts";
import { exitCode, judge } from "./goals/goals.ts";
import { goalRow } from "./goals/rows.ts";
import { runGoals } from "./goals/run.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { formatNumber, formatRows } from "./markdown.ts";
import { measureNetworks } from "./networks.ts";
import { formatPage } from "./page.ts";
import { fileOf, PARTS, type PartName, type PartTables, readParts } from "./parts.ts";
import { openPeers } from "./peers.ts";
import { measureProducts } from "./products.ts";
import { type Found, formatRecords, recordsOf, withTasks } from "./records.ts";
import { costRows, networkRow, peerRow, productRow } from "./rows.ts";
import { EFFORT, QUICK } from "./timing.ts";

// npm run bench: measures the kernels and some whole networks in every engine, or what the goals need, or emulated devices; writes benchmarks/ and BENCHMARKS.md.

const ROWS = [1, 8, 64];
const SIZES = [256, 1024, 2048, 4096];
const QUICK_SIZES = [256, 1024];

const { values: options } = parseArgs({
  options: {
    device: { type: "boolean", default: false }, // count instructions and bytes on emulated boards; with --goals: what device/goals.ts lists
    filter: { type: "string", default: "" }, // words, all of which a measurement's label has: "ternary K=1024 v8"
    goals: { type: "boolean", default: false }, // only what goals/goals.ts lists; exit code 1: not met, 2: not measured
    "machine-code": { type: "boolean", default: false }, // what engines make of the kernels for arm64; with --filter: print it
    json: { type: "boolean", default: false },
    peers: { type: "boolean", default: false }, // measure others beside us; npm run bench:peers installs them
    quick: { type: "boolean", default: false }, // small sizes, short times: to see that it works
  },
});
const command = formatCommand(process.argv.slice(2));
process.exitCode = options["machine-code"]
  ? await benchMachineCode()
  : options.device
    ? await benchDevice()
    : options.goals
      ? await benchGoals()
      : await benchAll();

async function benchMachineCode(): Promise<number> {
  const missing = missingForMachineCode();
  if (missing) return refuse(missing);
  const kernels = compileKernels().filter((each) => hasWords(options.filter)(labelOf(each)));
  if (kernels.length === 0) return refuse(`no kernel has all the words of --filter "${options.filter}"`);
  if (options.filter === "") {
    const run = { command, machine: versionsOnPi(), missing: [] };
    await record("machine_code", { run, kernels: kernelRows(kernels) });
  } else {
    printResult(
      options.json,
      () => kernels,
      () => formatCode(kernels),
    );
  }
  return 0;
}

async function benchDevice(): Promise<number> {
  if (options.peers || options.quick)
    return refuse("--device goes with --filter, --goals and --json, not with --peers or --quick");
  return options.goals ? benchDeviceGoals() : benchDevices();
}

async function benchDeviceGoals(): Promise<number> {
  const { verdicts, results, versions, missing } = await runDeviceGoals(options.filter, showProgress);
  if (verdicts.length === 0) return refuse(`no goal has all the words of --filter "${options.filter}"`);
  const judged = options.filter === "" ? verdicts : verdicts.filter(({ met }) => met !== undefined);
  const run = { command, machine: versions, missing };
  if (results.length > 0) await record("device_goals", { run, goals: judged.map(deviceGoalRow) });
  else printMissing(missing);
  return exitCode(verdicts);
}

async function benchDevices(): Promise<number> {
  const { results, versions, missing } = await runDevice(options.filter, showProgress);
  if (results.length + missing.length === 0) return refuse(`nothing has all the words of --filter "${options.filter}"`);
  const run = { command, machine: versions, missing };
  if (results.length > 0) await record("devices", { run, ...deviceRows(results) });
  else printMissing(missing);
  return 0;
}

async function benchGoals(): Promise<number> {
  if (options.peers || options.quick)
    return refuse("--goals goes with --filter and --json, not with --peers or --quick");
  const { verdicts, comparisons, missing, versions } = await runGoals(options.filter);
  if (verdicts.length === 0) return refuse(`no goal has all the words of --filter "${options.filter}"`);
  // a goal of which --filter leaves out a shape is judged here, and not recorded
  const whole = judge(comparisons, () => true).filter(({ worst }) => worst !== undefined);
  const run = { command, machine: describeMachine({ ...measureLimit(), ...versions }), missing };
  const goals = (options.filter === "" ? verdicts : whole).map(goalRow);
  if (goals.length > 0) await record("goals", { run, goals });
  else {
    printMissing(missing);
    printLines(formatRows(verdicts.map(goalRow)));
  }
  return exitCode(verdicts);
}

async function benchAll(): Promise<number> {
  const missing: string[] = [];
  const onMissing = (reason: string) => void missing.push(reason);
  const { runners, missing: missingEngines, refused } = await openRunners();
  missingEngines.forEach(onMissing);
  for (const { engine, variant, problem } of refused) {
    onMissing(`${variant} ${problem}, in ${engine.name} ${engine.version}`);
  }
  const plan = {
    runners,
    effort: options.quick ? QUICK : EFFORT,
    wants: hasWords(options.filter),
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
  const networks = await measureNetworks({ ...plan, libraries });
  for (const library of libraries) await library.close?.();
  if (ours.length + networks.length === 0) return refuse(`nothing has all the words of --filter "${options.filter}"`);

  const engines = plan.runners.map(({ engine }) => [engine.name, engine.version] as const);
  const machine = describeMachine({
    ...{ Node: process.versions.node, V8: process.versions.v8, ...measureLimit() },
    ...Object.fromEntries(engines.filter(([name]) => name !== "v8")),
    ...Object.fromEntries(libraries.map(({ name, version }) => [name, version])),
  });
  await record("measurements", {
    run: { command, machine, missing },
    products: ours.map(productRow),
    costs: costRows(ours),
    peers: peers.map(peerRow),
    networks: networks.map(networkRow),
  });
  return 0;
}

/** What no product of 128-bit multiplications, which are all that WebAssembly has, can pass on this CPU. */
function measureLimit(): Machine {
  const clock = measureClock();
  const limit = `${formatNumber(limitOf128Bits(clock))} GMAC/s at ${formatNumber(clock)} GHz, as measured`;
  return { "limit of 128-bit multiplication": limit };
}

/** Says why there is nothing to do; the exit code of wrong usage. */
function refuse(reason: string): number {
  showProgress("");
  console.error(`bench: ${reason}`);
  return 2;
}

/** Prints what was found. Unless it was --quick, writes it to benchmarks/, all or the tasks that --filter left, and the page anew. */
async function record<Name extends PartName>(part: Name, found: Found<PartTables[Name]>): Promise<void> {
  printMissing(found.run.missing);
  const records = recordsOf(found);
  const { runs, ...tables } = records;
  printResult(
    options.json,
    () => records,
    () => Object.values<object[]>(tables).flatMap((rows) => (rows.length > 0 ? ["", ...formatRows(rows)] : [])),
  );
  if (options.quick) return;
  const parts = readParts();
  const old = parts[part];
  const latest = options.filter === "" || !old ? records : withTasks(old, found, PARTS[part].keys);
  const write = (path: string, text: string) => writeFileAtomic(join(packageRoot(), path), Buffer.from(text));
  await write(fileOf(part), formatRecords(latest));
  await write("BENCHMARKS.md", formatPage({ ...parts, [part]: latest }));
}

function printMissing(missing: readonly string[]): void {
  showProgress("");
  for (const reason of missing) console.error(`SKIPPED: ${reason}`);
}

/** One changing line, on a terminal only. */
function showProgress(label: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${label}`);
}
