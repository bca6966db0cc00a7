import type { ModelName } from "./models.ts";
import { type Build, labelOf, type Result, type Run, type Task } from "./runs.ts";

// What Little Tern has to reach on microcontrollers, and the judgement of what was measured. Pure: measure.ts does the measuring.

export interface DeviceGoal {
  name: string;
  task: string;
  of: Task;
  measure: Measure;
  atMost: number;
}

export type Measure = keyof typeof MEASURES;

/** Figures of a run, and in the case of a ratio, of the same model on the first board of MAIN. */
const MEASURES = {
  "instructions per MAC": ({ instructions, macs }: Run) => instructions / macs,
  instructions: ({ instructions }: Run) => instructions,
  "× Cortex-M4": ({ instructions }: Run, main?: Run) => main && instructions / main.instructions,
  "bytes of flash": ({ firmware }: Run) => firmware.code,
  "bytes of RAM": ({ taken, firmware }: Run) => taken + firmware.variables + firmware.stack,
  "bytes of RAM beside the plan": ({ taken, firmware, planned }: Run) =>
    taken + firmware.variables - plannedOf(planned),
};

/** RAM of a model. */
export function plannedOf({ own, head, arena, scratch }: Run["planned"]): number {
  return own + head + arena + scratch;
}

const MAIN = { board: "netduinoplus2", runtime: "wasm2c" };
const KB = 1024;
/** What makes codes of 8-bit layers: multipliers i8, thresholds 4 bits. Goals are for either. */
const POSTS = ["multipliers", "thresholds"] as const;

/** Convolutions that may take 1.5 times what 3 × 3 of 64 channels takes. */
const OTHER_SHAPES = [
  "1 × 1, ternary × i8",
  "5 × 5, ternary × i8",
  "3 × 3 of stride 2, ternary × i8",
  "3 × 3 of 3 channels, ternary × i8",
  "3 × 3 in groups of 4, ternary × i8",
] as const satisfies ModelName[];

function on(model: ModelName, at: Partial<Task> = {}): Task {
  return { ...MAIN, build: "checked", model, ...at };
}

function perMac(name: string, model: ModelName, atMost: number, at: Partial<Task> = {}): DeviceGoal {
  return { name, task: model, of: on(model, at), measure: "instructions per MAC", atMost };
}

function flash(name: string, task: string, atMost: number, at: { runtime?: string; build?: Build }): DeviceGoal {
  return { name, task, of: on("digits", at), measure: "bytes of flash", atMost };
}

export const DEVICE_GOALS: readonly DeviceGoal[] = [
  ...POSTS.flatMap((post) => [
    perMac("M1", `ternary × i8, 256, ${post}`, 2.6),
    perMac("M1", `ternary × i8, 128, ${post}`, 3.4),
    perMac("M1", `ternary × i8, 256, ${post}`, 2.2, { build: "unchecked" }),
    perMac("M1", `ternary × i8, 128, ${post}`, 3.0, { build: "unchecked" }),
  ]),
  perMac("M2", "ternary × u4, 256", 2.0),
  perMac("M2", "binary × bit, 256", 0.7),
  ...POSTS.map((post) => perMac("M3", `ternary × i8, 256, ${post}`, 25, { runtime: "wasm3" })),
  perMac("M3", "ternary × u4, 256", 16, { runtime: "wasm3" }),
  perMac("M3", "binary × bit, 256", 2.5, { runtime: "wasm3" }),
  ...["microbit", "sifive_e"].flatMap((board) =>
    POSTS.map((post): DeviceGoal => {
      const model: ModelName = `ternary × i8, 256, ${post}`;
      return { name: "M4", task: model, of: on(model, { board }), measure: "× Cortex-M4", atMost: 1.5 };
    }),
  ),
  {
    ...{ name: "M5", task: "256-64-64-64-10 × i8", of: on("256-64-64-64-10 × i8") },
    ...{ measure: "instructions", atMost: 119_999 },
  },
  {
    ...{ name: "M5", task: "256-64-64-64-10 × u4", of: on("256-64-64-64-10 × u4") },
    ...{ measure: "instructions", atMost: 79_999 },
  },
  flash("M6", "firmware, a ternary MLP's", 7 * KB, { build: "mlp" }),
  {
    ...{ name: "M6", task: "firmware with digits", of: on("digits") },
    ...{ measure: "bytes of RAM beside the plan", atMost: KB },
  },
  flash("M7", "firmware", 64 * KB, { runtime: "wasm3" }),
  flash("M7", "firmware", 90 * KB, { runtime: "wamr" }),
  {
    ...{ name: "M7", task: "firmware with digits", of: on("digits", { board: "microbit", runtime: "wasm3" }) },
    ...{ measure: "bytes of RAM", atMost: 16 * KB },
  },
  perMac("V1", "3 × 3, ternary × i8", 1.0),
  perMac("V1", "3 × 3, ternary × u4", 0.8),
  perMac("V1", "3 × 3, binary × bit", 0.5),
  ...OTHER_SHAPES.map((shape) => perMac("V1", shape, 1.5)),
  perMac("V2", "3 × 3, int8 × i8", 2.3),
  perMac("V2", "int8 × i8, 256", 3.3),
  perMac("V3", "3 × 3 depthwise, int8 × i8", 9.5),
  perMac("V3", "3 × 3 depthwise, ternary × i8", 8),
  flash("V8", "firmware, all ops", 22 * KB, {}),
];

export interface DeviceVerdict {
  goal: DeviceGoal;
  /** What was measured; absent where it was refused or not measured. */
  run?: Run;
  figure?: number;
  /** Undefined: not measured. */
  met?: boolean;
}

/** What has to be measured for a goal. */
export function tasksOf({ of, measure }: DeviceGoal): Task[] {
  return measure === "× Cortex-M4" ? [of, { ...of, ...MAIN }] : [of];
}

/** One verdict for each goal. A device that refuses what a goal asks for does not meet it. */
export function judge(goals: readonly DeviceGoal[], results: readonly Result[]): DeviceVerdict[] {
  const resultOf = (task: Task) => results.find((result) => labelOf(result) === labelOf(task));
  return goals.map((goal): DeviceVerdict => {
    const found = tasksOf(goal).map(resultOf);
    if (found.some((result) => result && "refused" in result)) return { goal, met: false };
    const [run, main] = found as (Run | undefined)[];
    const figure = run && MEASURES[goal.measure](run, main);
    return figure === undefined ? { goal } : { goal, run: run!, figure, met: figure <= goal.atMost };
  });
}
