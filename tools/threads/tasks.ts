import { type InputRows, readBlob, selfTest } from "../../host/index.ts";
import { classOf, readoutOf } from "../../host/run/describe.ts";
import { elementCount } from "../../host/shape.ts";
import { createCheck } from "../../host/verify.ts";
import { openAll, openOne, openSession, type SessionOptions } from "../options/sessions.ts";
import { profileOf } from "../profile.ts";

/** Classes that an output of a model answers with, the first if not told which. `run` gives the one of each row. */
export async function openAnswers({
  blob,
  output = 0,
  ...options
}: { blob: Uint8Array; output?: number } & SessionOptions) {
  const session = await openSession(blob, options);
  const readout = readoutOf(session.program, output);
  const run = (inputs: readonly InputRows[]) => {
    const { scores } = session.run(inputs)[output]!;
    const rows = inputs[0]!.length / elementCount(session.program.tensors[session.program.inputs[0]!]!);
    return Array.from({ length: rows }, (_, row) => classOf(readout, scores, row, rows));
  };
  return { about: {}, run, close: () => session.dispose() };
}

/** What a model makes of its inputs; and with `profileMs`, the mean milliseconds of every op, over runs that take so long. */
export async function openOutputs({
  blob,
  profileMs,
  ...options
}: { blob: Uint8Array; profileMs?: number | undefined } & SessionOptions) {
  const session = await openSession(blob, options);
  const run = (inputs: readonly InputRows[]) => {
    const outputs = session.run(inputs);
    return { outputs, ...(profileMs !== undefined && { profile: profileOf(session, inputs, profileMs) }) };
  };
  const { engine, repacked, repackMs } = session;
  return { about: { engine, repacked, repackMs }, run, close: () => session.dispose() };
}

/** What a blob is checked in: one engine and the reference, or every session that can be had here. */
interface Checked {
  blob: Uint8Array;
  checkpoint: Uint8Array;
  arch?: string | undefined;
  engine?: string | undefined;
  maxOperations?: number | undefined;
}

/** Sessions of a blob. `run` compares them with the checkpoint. */
export async function openChecks({ blob, checkpoint, arch, engine, maxOperations }: Checked) {
  const check = createCheck(readBlob(blob), checkpoint, arch);
  const { sessions, missing } =
    engine === undefined ? await openAll(blob, maxOperations) : await openOne(blob, engine, maxOperations);
  const names = Object.keys(sessions);
  const pairs = Object.entries(sessions).map(([name, session]) => [name, selfTest(session)] as const);
  return {
    about: { sessions: names, missing, selfTest: Object.fromEntries(pairs) },
    run: (inputs: readonly InputRows[]) => check(sessions, inputs),
    close() {
      for (const session of Object.values(sessions)) session.dispose();
    },
  };
}

/** Work on batches of samples that threads can share: each opens all that it needs, and the result of a batch depends on it alone. */
export const TASKS = { answers: openAnswers, outputs: openOutputs, checks: openChecks };

export type TaskName = keyof typeof TASKS;
/** What opens a task: plain data, which can be sent to a thread. */
export type TaskOptions<Name extends TaskName> = Parameters<(typeof TASKS)[Name]>[0];
/** A task that is open in a thread. */
export type Task<Name extends TaskName> = Awaited<ReturnType<(typeof TASKS)[Name]>>;
/** What is to be known of a task that is open: plain data. */
export type TaskAbout<Name extends TaskName> = Task<Name>["about"];
/** What a task makes of one batch. */
export type TaskResult<Name extends TaskName> = ReturnType<Task<Name>["run"]>;
