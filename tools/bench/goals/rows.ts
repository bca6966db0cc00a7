import { EXACT, rounded } from "../records.ts";
import { COLUMNS, type Comparison, ratesOf, ratioOf, type Verdict } from "./goals.ts";

/** A goal in one engine. Without a ratio: not measured. */
export interface GoalRow {
  goal: string;
  task: string;
  /** Where ours runs: "V8 of Node 24, relaxed". */
  in: string;
  against: string;
  /** The shape that counts: of several, the worst. */
  worst?: string;
  /** Rates, in `unit`. */
  ours?: number;
  theirs?: number;
  unit?: Comparison["unit"];
  ratio?: number;
  atLeast: number;
  met?: boolean;
}

export function goalRow({ goal, column, atLeast, worst, met }: Verdict): GoalRow {
  const peers = goal.against.map(({ peer }) => peer).join(", ");
  const { title, variant } = COLUMNS[column];
  const place = {
    ...{ goal: goal.name, task: goal.task },
    in: goal.variant ? title.replace(variant, goal.variant) : title,
    against: worst?.peer ?? (goal.against.length > 1 ? `best of ${peers}` : peers),
  };
  if (!worst) return { ...place, atLeast };
  const { ours, theirs } = ratesOf(worst);
  return {
    ...{ ...place, worst: worst.what, ours: rounded(ours), theirs: rounded(theirs), unit: worst.unit },
    ...{ ratio: rounded(ratioOf(worst), EXACT), atLeast, met: met! },
  };
}
