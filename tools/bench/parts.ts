import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../host/base/package_root.ts";
import type { KernelRow } from "../rigs/pi/machine_code.ts";
import type { DeviceGoalRow, FirmwareRow, InferenceRow, ModelRow, OpRow } from "./device/rows.ts";
import type { GoalRow } from "./goals/rows.ts";
import type { Keys, Records } from "./records.ts";
import type { CostRow, NetworkRow, PeerRow, ProductRow } from "./rows.ts";

/** What there is to measure: a file of benchmarks/ each, and its tables. */
export type PartTables = {
  device_goals: { goals: DeviceGoalRow[] };
  devices: { inferences: InferenceRow[]; ops: OpRow[]; models: ModelRow[]; firmware: FirmwareRow[] };
  goals: { goals: GoalRow[] };
  measurements: { products: ProductRow[]; costs: CostRow[]; peers: PeerRow[]; networks: NetworkRow[] };
  machine_code: { kernels: KernelRow[] };
};
export type PartName = keyof PartTables;
export type Parts = { [Name in PartName]?: Records<PartTables[Name]> };

const TASK = ["model", "board", "runtime", "build"] as const;
const PRODUCT = ["weights", "activation"] as const;

/** The command that measures all of a part, and what tells its tasks apart. */
export const PARTS: { [Name in PartName]: { command: string; keys: Keys<PartTables[Name]> } } = {
  device_goals: {
    command: "npm run bench -- --device --goals",
    keys: { goals: ["goal", "task", "board", "runtime", "build", "measure"] },
  },
  devices: {
    command: "npm run bench -- --device",
    keys: {
      inferences: TASK,
      ops: TASK,
      models: ["model", "module"],
      firmware: ["board", "runtime", "build", "module"],
    },
  },
  goals: { command: "npm run bench -- --goals", keys: { goals: ["goal", "task", "in"] } },
  measurements: {
    command: "npm run bench -- --peers",
    keys: {
      products: [...PRODUCT, "K", "M", "rows", "engine", "variant"],
      costs: PRODUCT,
      peers: ["peer", "K", "M", "rows"],
      networks: ["network", "rows", "engine", "variant"],
    },
  },
  machine_code: { command: "npm run bench -- --machine-code", keys: { kernels: ["kernel", "variant"] } },
};
export const PART_NAMES = Object.keys(PARTS) as PartName[];

/** From the package's folder on. */
export function fileOf(part: PartName): string {
  return `benchmarks/${part}.json`;
}

/** What benchmarks/ holds. */
export function readParts(): Parts {
  const paths = PART_NAMES.map((part) => [part, join(packageRoot(), fileOf(part))] as const);
  const found = paths.filter(([, path]) => existsSync(path));
  return Object.fromEntries(found.map(([part, path]) => [part, JSON.parse(readFileSync(path, "utf8"))]));
}
