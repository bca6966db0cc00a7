import { execFileSync } from "node:child_process";
import { boardNames, readBoard } from "../../../host/firmware/boards.ts";
import { CORES } from "../../../host/firmware/cores.ts";
import { hasWords } from "../command_line.ts";
import { DEVICE_GOALS, type DeviceVerdict, judge, tasksOf } from "./goals.ts";
import { type Measured, measureTasks } from "./measure.ts";
import { labelOf, TASKS, type Task } from "./runs.ts";

export interface DeviceResult extends Measured {
  /** Of what the numbers depend on. */
  versions: Record<string, string>;
}

/** Measures every task whose label has the words of `filter`. */
export async function runDevice(filter: string, onProgress: (label: string) => void): Promise<DeviceResult> {
  const tasks = TASKS.filter((task) => hasWords(filter)(labelOf(task)));
  return { ...(await measureTasks(tasks, onProgress)), versions: readVersions() };
}

/** Measures what the goals need of which the name or the label has the words of `filter`, and judges them. */
export async function runDeviceGoals(
  filter: string,
  onProgress: (label: string) => void,
): Promise<DeviceResult & { verdicts: DeviceVerdict[] }> {
  const goals = DEVICE_GOALS.filter(({ name, of }) => hasWords(filter)(`${name} ${labelOf(of)}`));
  const tasks = new Map<string, Task>(goals.flatMap(tasksOf).map((task) => [labelOf(task), task]));
  const measured = await measureTasks([...tasks.values()], onProgress);
  return { ...measured, versions: readVersions(), verdicts: judge(goals, measured.results) };
}

/** First lines of what emulators and compilers say of themselves. */
function readVersions(): Record<string, string> {
  const boards = boardNames().map((name) => readBoard(name));
  const programs = new Set([
    ...boards.flatMap(({ qemu }) => (qemu ? [`qemu-system-${qemu.system}`] : [])),
    ...boards.map(({ core }) => `${CORES[core].tools}gcc`),
  ]);
  return Object.fromEntries([...programs].map((program) => [program, versionOf(program)]));
}

function versionOf(program: string): string {
  try {
    return execFileSync(program, ["--version"], { encoding: "utf8" }).match(/\d+\.\d+\.\d+/)?.[0] ?? "?";
  } catch {
    return "absent";
  }
}
