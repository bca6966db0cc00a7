import { shown } from "../host/base/printable.ts";
import type { InputRows, Inspection, Session } from "../host/index.ts";
import { formatCount, formatShare, formatTable, plural } from "./terminal/table.ts";

/** Time and work of one op for all rows. */
export interface Profile {
  name: string;
  op: string;
  ms: number;
  macs: number;
}

/** Mean milliseconds of every op, over runs of so long that come after a first one: by then V8 has compiled what runs. */
export function profileOf(session: Session, inputs: readonly InputRows[], ms: number): Float64Array {
  const profile = new Float64Array(session.program.ops.length);
  let runs = 0;
  for (const start = performance.now(); runs === 0 || performance.now() - start < ms; runs++) {
    session.run(inputs, { profile });
  }
  return profile.map((sum) => sum / runs);
}

/** The times with names, and the work for so many rows. */
export function namedProfile(ms: Float64Array, rows: number, { layers }: Inspection): Profile[] {
  return layers.map(({ name, op, macs }, i) => ({ name, op, ms: ms[i]!, macs: macs * rows }));
}

/** What was repacked when the model was loaded. */
export function formatRepacking(
  { repacked, repackMs }: Pick<Session, "repacked" | "repackMs">,
  profile: Profile[],
): string[] {
  if (repacked.length === 0) return [];
  const ops = repacked.map(({ op, from, to }) => [`  ${shown(profile[op]!.name) || `op ${op}`}`, `${from} → ${to}`]);
  return ["", `repacked when loaded, in ${repackMs.toFixed(3)} ms:`, ...formatTable("ll", ops)];
}

export function formatProfile(profile: Profile[], rows: number): string[] {
  const total = profile.reduce((sum, { ms, macs }) => ({ ms: sum.ms + ms, macs: sum.macs + macs }), { ms: 0, macs: 0 });
  const line = (name: string, op: string, ms: number, macs: number) => [
    shown(name),
    op,
    ms.toFixed(3),
    formatShare(ms / total.ms),
    macs > 0 ? formatCount(macs) : "",
    macs > 0 ? `${formatCount(Math.round(macs / ms / 1000))} M/s` : "",
  ];
  const head = [`op, ${plural(rows, "row")}`, "", "ms", "share", "MACs", "MACs per second"];
  const lines = profile.map(({ name, op, ms, macs }) => line(name, op, ms, macs));
  return formatTable("llrrrr", [head, ...lines, line("all", "", total.ms, total.macs)], { headed: true });
}
