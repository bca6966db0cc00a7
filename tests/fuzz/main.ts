// `npm run fuzz`: gives hostile inputs to everything that reads untrusted bytes. Ends with status 1 if one was a finding: an error without a type, other
// numbers than the reference's, more than a second or 500 MB. Run by run.mjs.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { COUNTS, type Finding, fuzz, inputOf, type Name, type Result, sum, targetNamed } from "./fuzz.ts";

const PROJECT = join(import.meta.dirname, "..", "..");
const FINDINGS = join(PROJECT, ".cache", "fuzz", "findings");

/** An input that does not end within so many seconds is a finding; its process is stopped. */
const MAX_SILENCE_SECONDS = 60;
/** Findings of one target that are kept. */
const MAX_SHOWN = 10;

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

type Message = { seed: number } | { result: Omit<Result, "findings"> & { findings: Omit<Finding, "bytes">[] } };

function* seedsOf({ first, end, step }: Job): Generator<number> {
  for (let seed = first; seed < end; seed += step) yield seed;
}

/** The child: runs a job and tells its parent. */
async function work(job: Job): Promise<void> {
  let told = 0;
  const tell = (seed: number) => {
    if (performance.now() - told < 1000) return;
    told = performance.now();
    process.send!({ seed } satisfies Message);
  };
  const { findings, ...result } = await fuzz(job.name, seedsOf(job), tell);
  const shown = findings.slice(0, MAX_SHOWN).map(({ bytes: _, ...finding }) => finding);
  process.send!({ result: { ...result, findings: shown } } satisfies Message);
  process.disconnect();
}

/** Runs a job in a process of its own, and stops it where it hangs. A process that dies is a finding too. */
function run(job: Job): Promise<Result> {
  return new Promise((resolve) => {
    const child = fork(process.argv[1]!, [JSON.stringify(job)], { execArgv: ["--max-old-space-size=1024"] });
    let [seed, result]: [number, Result | undefined] = [job.first, undefined];
    let timer = setTimeout(stop, 1000 * MAX_SILENCE_SECONDS);
    let problem = "ends the process";
    function stop(): void {
      problem = `does not end within ${MAX_SILENCE_SECONDS} s`;
      child.kill("SIGKILL");
    }
    child.on("message", (message: Message) => {
      clearTimeout(timer);
      timer = setTimeout(stop, 1000 * MAX_SILENCE_SECONDS);
      if ("seed" in message) seed = message.seed;
      else {
        const findings = message.result.findings.map((finding) => ({ ...finding, bytes: new Uint8Array(0) }));
        result = { ...message.result, findings };
      }
    });
    child.on("exit", () => {
      clearTimeout(timer);
      const where = `one of the seeds from ${seed} on, every ${job.step}`;
      const finding: Finding = { name: job.name, seed, problem: `${where}, ${problem}`, bytes: new Uint8Array(0) };
      resolve(result ?? { outcomes: {}, findings: [finding], worstMilliseconds: 0, worstBytes: 0 });
    });
  });
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
    const start = performance.now();
    const each = Array.from({ length: jobs }, (_, i) => run({ name, first: seed + i, end: seed + count, step: jobs }));
    const result = (await Promise.all(each)).reduce(sum);
    console.log(lineOf(name, result, (performance.now() - start) / 1000));
    for (const finding of result.findings) await show(finding);
    findings += result.findings.length;
  }
  console.log(
    findings === 0 ? "No findings." : `${findings} findings: their inputs are in ${relative(".", FINDINGS)}.`,
  );
  process.exitCode = findings === 0 ? 0 : 1;
}

function lineOf(name: Name, { outcomes, worstMilliseconds, worstBytes }: Result, seconds: number): string {
  const total = Object.values(outcomes).reduce((a, b) => a + b, 0);
  const each = Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${count} ${outcome}`);
  const rate = `${Math.round(total / seconds)} a second`;
  const worst = `at worst ${worstMilliseconds.toFixed(0)} ms and ${(worstBytes / 1e6).toFixed(0)} MB`;
  return `${name}: ${total} inputs (${each.join(", ")}), ${rate}, ${worst}`;
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
