import { EngineError, UpdateError } from "../../host/base/errors.ts";
import { modelMemory } from "../../host/cost/fit.ts";
import type { AsyncDevice } from "../../host/firmware/link/client.ts";
import { StatusError } from "../../host/firmware/link/commands.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import {
  type Plan,
  type Probe,
  planUpdate,
  probe,
  type Stage,
  type UpdateProgress,
  type UpdateResult,
  update,
} from "../../host/flash/update.ts";
import { v8 } from "../../host/index.ts";
import { moduleOf, openSlots } from "../../host/node.ts";
import { namingFiles, readSignedModel } from "../files/models.ts";
import { nameOf } from "../files/stdio.ts";
import { numberOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { type Progress, showWork, startProgress } from "../terminal/progress.ts";
import { formatCount } from "../terminal/table.ts";
import { signedOf } from "./signed.ts";
import { stoppable } from "./stoppable.ts";

const DEVICE = "device:";

export const DEVICE_FORM = "/dev/ttyACM0 or device:virt@board.flash";

/** Whether a target is a device: "/dev/ttyACM0", or "device:" and what openSlots takes. */
export function isDevice(target: string): boolean {
  return target.startsWith("/dev/") || target.startsWith(DEVICE);
}

/** Does work on the slots of a device. Whatever goes wrong with the device is an UpdateError. */
export async function withSlots<T>(
  target: string,
  work: (device: AsyncDevice, found: Probe) => Promise<T>,
): Promise<T> {
  if (!isDevice(target)) throw new UsageError(`"${target}": expected a device, ${DEVICE_FORM}`);
  const name = target.startsWith(DEVICE) ? target.slice(DEVICE.length) : target;
  const device = await reaching(() => showWork(`Opening ${name}`, () => openSlots(name)));
  try {
    const found = await reaching(() => probe(device));
    return await work(device, found);
  } catch (error) {
    if (error instanceof StatusError) throw new UpdateError("refused", error.message);
    if (error instanceof EngineError) throw new UpdateError("broken off", error.message);
    throw error;
  } finally {
    device.close();
  }
}

/** What goes wrong before a device has said what it is. */
async function reaching<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || error instanceof StatusError) throw error;
    throw new UpdateError("no device", error.message);
  }
}

/** Options as they stand on the command line. */
interface DeviceArgs {
  model: string;
  to: string;
  counter?: string;
  "dry-run"?: boolean;
  json?: boolean;
}

/** Updates a device to a model. */
export async function flashDevice({ to, model, json, ...args }: DeviceArgs): Promise<void> {
  const { blob, trailer } = await readSignedModel(model);
  const signed = await namingFiles({ model }, async () =>
    signedOf(blob, trailer, numberOption("counter", args.counter)),
  );
  const isDry = args["dry-run"] ?? false;
  await withSlots(to, async (device, found) => {
    const { info } = found;
    const module = await moduleOf(info);
    const { extraBytes } = module ? runtimeNamed(info.runtime) : { extraBytes: 0 };
    const memoryBytes = module && (await modelMemory(blob, module, v8, 1, extraBytes)).bytes;
    const parts = { blob, trailer, ...signed, memoryBytes };
    const plan = await planUpdate(found, parts);
    const result = isDry
      ? undefined
      : await stoppable((signal) =>
          showUpdate((onProgress) => update(device, found, plan, parts, { onProgress, signal })),
        );
    printResult(
      json,
      () => ({
        to,
        board: info.board,
        runtime: info.runtime,
        slot: plan.slot,
        stage: plan.stage,
        written: result !== undefined,
        ...result,
        counter: plan.statement.counter,
        blobBytes: blob.length,
        trailerBytes: trailer.length,
        sha256: Buffer.from(plan.statement.sha256).toString("hex"),
      }),
      () => format(`${nameOf(model)} → ${info.board}`, plan, result),
    );
  });
}

const LABELS: Record<Stage, string> = { write: "Writing", try: "Starting", test: "Testing", nothing: "" };

async function showUpdate<T>(work: (onProgress: (progress: UpdateProgress) => void) => Promise<T>): Promise<T> {
  let shown: { stage: Stage; progress: Progress } | undefined;
  try {
    return await work(({ stage, done, bytes }) => {
      if (shown?.stage !== stage) {
        shown?.progress.end();
        shown = { stage, progress: startProgress(LABELS[stage], bytes) };
      }
      shown.progress.update(done, `${formatCount(done)} of ${formatCount(bytes)} bytes`);
    });
  } finally {
    shown?.progress.end();
  }
}

/** What is there to do, for people. */
const TODO: Record<Stage, string> = {
  write: "to be written, tried and confirmed",
  try: "stored already, to be tried and confirmed",
  test: "on trial already, to be confirmed",
  nothing: "runs already",
};

function format(what: string, { stage, slot, statement }: Plan, result: UpdateResult | undefined): string[] {
  const { counter, sha256 } = statement;
  const state = result === undefined ? `${TODO[stage]} (--dry-run)` : stage === "nothing" ? TODO.nothing : "confirmed";
  const done =
    result === undefined || stage === "nothing"
      ? []
      : [
          `sent     ${formatCount(result.sent)} bytes; the slot held ${formatCount(result.kept)}`,
          `tested   ${result.pairs > 0 ? `${result.pairs} golden pairs, all right` : "the model has no golden pairs"}`,
        ];
  return [
    `${what}, slot ${slot}: ${state}`,
    "",
    ...done,
    `counter  ${counter}`,
    `sha256   ${Buffer.from(sha256).toString("hex")}`,
  ];
}
