import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../host/base/package_root.ts";
import { writeFileAtomic } from "../files/outputs.ts";
import {
  compileKernels,
  formatCode,
  formatMachineCode,
  labelOf,
  missingForMachineCode,
  versionsOnPi,
} from "../rigs/pi/machine_code.ts";
import { openRunners } from "../runners.ts";
import { printResult } from "../terminal/print.ts";
import { limitOf128Bits, measureClock } from "./clock.ts";
import { formatCommand, hasWords } from "./command_line.ts";
import { runDevice, runDeviceGoals } from "./device/bench_device.ts";
import { formatDevice, formatDeviceGoals } from "./device/report.ts";
import { exitCode } from "./goals/goals.ts";
import { formatGoals, type GoalsReport, jsonGoals } from "./goals/report.ts";
import { runGoals } from "./goals/run.ts";
import { describeMachine } from "./machine.ts";
import { measureNetworks } from "./networks.ts";
import { type Part, withPart } from "./page.ts";
import { openPeers } from "./peers.ts";
import { measureProducts } from "./products.ts";
import { formatNumber, formatReport, jsonReport, type Report } from "./report.ts";
import { EFFORT, QUICK } from "./timing.ts";

// npm run bench: measures the kernels and some whole networks in every engine, or what the goals need, or emulated devices; writes BENCHMARKS.md.

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
  const page = options.filter === "";
  const lines = page ? formatMachineCode(kernels, command, versionsOnPi()) : formatCode(kernels);
  printResult(
    options.json,
    () => kernels,
    () => lines,
  );
  if (page) await writePart("machine code", lines);
  return 0;
}

async function benchDevice(): Promise<number> {
  if (options.peers || options.quick)
    return refuse("--device goes with --filter, --goals and --json, not with --peers or --quick");
  return options.goals ? benchDeviceGoals() : benchDevices();
}

async function benchDeviceGoals(): Promise<number> {
  const report = { command, ...(await runDeviceGoals(options.filter, showProgress)) };
  showProgress("");
  if (report.verdicts.length === 0) return refuse(`no goal has all the words of --filter "${options.filter}"`);
  for (const reason of report.missing) console.error(`SKIPPED: ${reason}`);
  printResult(
    options.json,
    () => report,
    () => formatDeviceGoals(report),
  );
  if (options.filter === "" && report.results.length > 0) await writePart("device goals", formatDeviceGoals(report));
  return exitCode(report.verdicts);
}

async function benchDevices(): Promise<number> {
  const report = { command, ...(await runDevice(options.filter, showProgress)) };
  showProgress("");
  if (report.results.length + report.missing.length === 0) {
    return refuse(`nothing has all the words of --filter "${options.filter}"`);
  }
  for (const reason of report.missing) console.error(`SKIPPED: ${reason}`);
  printResult(
    options.json,
    () => report,
    () => formatDevice(report),
  );
  if (options.filter === "" && report.results.length > 0) await writePart("device", formatDevice(report));
  return 0;
}

async function benchGoals(): Promise<number> {
  if (options.peers || options.quick)
    return refuse("--goals goes with --filter and --json, not with --peers or --quick");
  const { verdicts, missing, versions } = await runGoals(options.filter);
  showProgress("");
  if (verdicts.length === 0) return refuse(`no goal has all the words of --filter "${options.filter}"`);
  for (const reason of missing) console.error(`SKIPPED: ${reason}`);
  const clock = measureClock();
  const limit = `${formatNumber(limitOf128Bits(clock))} GMAC/s at ${formatNumber(clock)} GHz, as measured`;
  const machine = describeMachine({ "limit of 128-bit multiplication": limit, ...versions });
  const report: GoalsReport = { command, machine, verdicts, missing };
  printResult(
    options.json,
    () => jsonGoals(report),
    () => formatGoals(report),
  );
  if (options.filter === "") await writePart("goals", formatGoals(report));
  return exitCode(verdicts);
}

async function benchAll(): Promise<number> {
  const missing: string[] = [];
  const onMissing = (reason: string) => {
    missing.push(reason);
    console.error(`SKIPPED: ${reason}`);
  };
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
  showProgress("");
  if (ours.length + networks.length === 0) return refuse(`nothing has all the words of --filter "${options.filter}"`);

  const engines = plan.runners.map(({ engine }) => [engine.name, engine.version] as const);
  const report: Report = {
    command,
    machine: describeMachine({
      ...{ Node: process.versions.node, V8: process.versions.v8 },
      ...Object.fromEntries(engines.filter(([name]) => name !== "v8")),
      ...Object.fromEntries(libraries.map(({ name, version }) => [name, version])),
    }),
    products: ours,
    peers,
    networks,
    clock: measureClock(),
    missing,
  };
  printResult(
    options.json,
    () => jsonReport(report),
    () => formatReport(report),
  );
  if (options.filter === "" && !options.quick) await writePart("measurements", formatReport(report));
  return 0;
}

/** Says why there is nothing to do; the exit code of wrong usage. */
function refuse(reason: string): number {
  console.error(`bench: ${reason}`);
  return 2;
}

async function writePart(part: Part, lines: string[]): Promise<void> {
  const path = join(packageRoot(), "BENCHMARKS.md");
  const page = existsSync(path) ? readFileSync(path, "utf8") : "";
  await writeFileAtomic(path, Buffer.from(withPart(page, part, lines)));
}

/** One changing line, on a terminal only. */
function showProgress(label: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${label}`);
}
