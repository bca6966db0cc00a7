// `npm run fuzz`: gives hostile inputs to everything that reads untrusted bytes. Ends with status 1 if one was a finding: an error without a type, other
// numbers than the reference's, more than a second or 500 MB. Run by run.mjs.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import {
  COUNTS,
  type Finding,
  fuzz,
  inputOf,
  type Name,
  NOTHING,
  type Result,
  sum,
  targetNamed,
  total,
} from "./fuzz.ts";

const PROJECT = join(import.meta.dirname, "..", "..");
const FINDINGS = join(PROJECT, ".cache", "fuzz", "findings");

/** An input that does not end within so many seconds is a finding; its process is stopped. */
const MAX_SILENCE_SECONDS = 60;
/** Findings of one target that are kept. */
const MAX_SHOWN = 10;
const SECONDS_BETWEEN_LINES = 10;

const USAGE = `usage: npm run fuzz -- [--which ${Object.keys(COUNTS).join(",")}] [--count N] [--seed N] [--jobs N]
  --which   what to fuzz, else all
  --count   inputs of each, else as many as the whole takes: ${Object.values<number>(COUNTS).reduce((a, b) => a + b)} in all
  --seed    the first seed, else 0; each input has the seed behind the one before
  --jobs    processes, else one per core`;

/** What a job does: seeds first, first + step, … below end. */
interface Job {
  name: Name;
  first: number;
  end: number;
  step: number;
}

/** What a job tells: how far it is, at times and at its end. */
interface Message {
  seed: number;
  ended: boolean;
  result: Result;
}

function* seedsOf({ first, end, step }: Job): Generator<number> {
  for (let seed = first; seed < end; seed += step) yield seed;
}

/** The child: runs a job and tells its parent. */
async function work(job: Job): Promise<void> {
  let told = 0;
  const tell = (seed: number, ended: boolean, result: Result) => {
    told = performance.now();
    const findings = result.findings.slice(0, MAX_SHOWN);
    process.send!({ seed, ended, result: { ...result, findings } } satisfies Message);
  };
  const result = await fuzz(job.name, seedsOf(job), (seed, before) => {
    if (performance.now() - told >= 1000) tell(seed, false, before);
  });
  tell(job.end, true, result);
  process.disconnect();
}

/** Runs a job in a process of its own, and stops it where it hangs. A process that dies is a finding too. `onResult` is told what has come of it so far. */
function run(job: Job, onResult: (result: Result) => void): Promise<Result> {
  return new Promise((resolve) => {
    const child = fork(process.argv[1]!, [JSON.stringify(job)], { execArgv: ["--max-old-space-size=1024"] });
    let last: Message = { seed: job.first, ended: false, result: NOTHING };
    let timer = setTimeout(stop, 1000 * MAX_SILENCE_SECONDS);
    let problem = "ends the process";
    function stop(): void {
      problem = `does not end within ${MAX_SILENCE_SECONDS} s`;
      child.kill("SIGKILL");
    }
    child.on("message", (message: Message) => {
      clearTimeout(timer);
      timer = setTimeout(stop, 1000 * MAX_SILENCE_SECONDS);
      last = message;
      onResult(message.result);
    });
    child.on("exit", () => {
      clearTimeout(timer);
      const { seed, ended, result } = last;
      const where = `one of the seeds from ${seed} on, every ${job.step}`;
      const finding = { name: job.name, seed, problem: `${where}, ${problem}` };
      resolve(ended ? result : { ...result, findings: [...result.findings, finding] });
    });
  });
}

/** Runs as many jobs as there are processes, and prints every so often how far they are. */
async function runAll(name: Name, seed: number, count: number, jobs: number): Promise<Result> {
  const start = performance.now();
  const results = Array<Result>(jobs).fill(NOTHING);
  const print = (end = "") => console.log(lineOf(name, results.reduce(sum), count, performance.now() - start) + end);
  const timer = setInterval(print, 1000 * SECONDS_BETWEEN_LINES, " ...");
  const each = results.map((_, i) => {
    const job = { name, first: seed + i, end: seed + count, step: jobs };
    return run(job, (result) => {
      results[i] = result;
    });
  });
  (await Promise.all(each)).forEach((result, i) => {
    results[i] = result;
  });
  clearInterval(timer);
  print();
  return results.reduce(sum);
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { which: text, count: text, seed: text, jobs: text, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return console.log(USAGE);
  const names = (values.which?.split(",") ?? Object.keys(COUNTS)) as Name[];
  const [seed, jobs] = [Number(values.seed ?? 0), Number(values.jobs ?? availableParallelism())];
  const numbers = [seed, jobs, Number(values.count ?? 1)];
  if (!names.every((name) => Object.hasOwn(COUNTS, name)) || !numbers.every((n) => Number.isInteger(n) && n >= 0)) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  let findings = 0;
  for (const name of names) {
    const count = Number(values.count ?? COUNTS[name]);
    const result = await runAll(name, seed, count, jobs);
    for (const finding of result.findings) await show(finding);
    findings += result.findings.length;
  }
  console.log(
    findings === 0 ? "No findings." : `${findings} findings: their inputs are in ${relative(".", FINDINGS)}.`,
  );
  process.exitCode = findings === 0 ? 0 : 1;
}

function lineOf(name: Name, result: Result, count: number, milliseconds: number): string {
  const ended = total(result);
  const inputs = ended < count ? `${ended} of ${count} inputs` : `${ended} inputs`;
  const each = Object.entries(result.outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} ${outcome}`);
  const rate = `${Math.round((1000 * ended) / milliseconds)} a second`;
  const worst = `at worst ${result.worstMilliseconds.toFixed(0)} ms and ${(result.worstBytes / 1e6).toFixed(0)} MB`;
  return `${name}: ${inputs} (${each.join(", ")}), ${rate}, ${worst}`;
}

async function show({ name, seed, problem }: Finding): Promise<void> {
  const { bytes } = inputOf(await targetNamed(name), seed);
  mkdirSync(FINDINGS, { recursive: true });
  const file = join(FINDINGS, `${name}_${seed}`);
  writeFileSync(file, bytes);
  console.log(
    `  ${relative(".", file)}: ${problem}\n  again: npm run fuzz -- --which ${name} --seed ${seed} --count 1`,
  );
}

if (process.send) await work(JSON.parse(process.argv[2]!));
else await main();
