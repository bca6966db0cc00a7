import type { Description, Program } from "../program.ts";
import type { InputOptions } from "./input.ts";

export interface LowerOptions {
  /** Elements of all inputs, and what they stand for; `decideInput` reads from the graph what is left out. */
  input?: InputOptions;
  /** 64 if not given. */
  maxRows?: number;
  modelId: bigint;
  modelVersion: number;
  /** For the description; the name is the graph's if not given. */
  name?: string;
  source: Description["source"];
  converter: Description["converter"];
  classes?: string[];
}

export interface Lowered {
  program: Program & { description: Description };
  /** For people: choices that cost something. */
  notes: string[];
}
