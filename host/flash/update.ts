import { crc32 } from "../base/crc32.ts";
import { EngineError, UpdateError } from "../base/errors.ts";
import { needsMore } from "../blob/features.ts";
import { HEADER } from "../blob/layout.ts";
import type { AsyncDevice } from "../firmware/link/client.ts";
import { type Statement, StatusError } from "../firmware/link/commands.ts";
import { type DeviceInfo, MAX_BLOCK, type SlotsInfo } from "../firmware/link/protocol.ts";
import { UPDATE_STATUS } from "../firmware/slots/status.ts";

/** What a device said before anything was written. */
export interface Probe {
  info: DeviceInfo;
  slots: SlotsInfo;
}

/** A model for a slot: a blob that a reader has proven, and the trailer behind it, which may have no bytes. */
export interface SlotModel {
  blob: Uint8Array;
  trailer: Uint8Array;
  /** A device that has a greater one refuses the model. 0 if not said. */
  counter?: number | undefined;
  /** The board that it is signed for; any if not said, or empty. */
  board?: string | undefined;
  /** RAM that it takes on the device, where that is known. */
  memoryBytes?: number | undefined;
}

/** What there is to do: all of it, to try what was stored, to test what is on trial, or nothing, since the model runs and is kept. */
export type Stage = "write" | "try" | "test" | "nothing";

export interface Plan {
  stage: Stage;
  /** The slot that the model is in, or goes to. */
  slot: number;
  statement: Statement;
}

/** How far an update is. */
export interface UpdateProgress {
  stage: Stage;
  /** Bytes that were looked at, of all. */
  done: number;
  bytes: number;
}

export interface UpdateOptions {
  onProgress?: (progress: UpdateProgress) => void;
  /** Ends the transfer behind the request that is under way: what was stored stays. */
  signal?: AbortSignal;
}

export interface UpdateResult {
  /** Bytes that were sent, and bytes that the slot held already. */
  sent: number;
  kept: number;
  /** Golden pairs that came out right. */
  pairs: number;
}

/** Asks a device what it is. Throws UpdateError for one without slots, and as `Commands` do. */
export async function probe(device: AsyncDevice): Promise<Probe> {
  const info = await device.info();
  const slots = await device.slots();
  if (slots) return { info, slots };
  const what = `${info.board} keeps one model where its programmer puts it: its firmware has no slots`;
  throw new UpdateError("refused", what);
}

/** How much greater a counter may be than the device's: assembly/update/README.md. */
const COUNTER_STEP = 1024;

/** What an update of a device to a model has to do. Throws UpdateError, kind "refused", for a model that the device would not run, before anything is written. */
export async function planUpdate(
  { info, slots }: Probe,
  { blob, trailer, counter = 0, board = "", memoryBytes }: SlotModel,
): Promise<Plan> {
  const refuse = (what: string): never => {
    throw new UpdateError("refused", `${info.board}: ${what}`);
  };
  if (board !== "" && board !== info.board) refuse(`the model is signed for board ${board}`);
  const abiVersion = new DataView(blob.buffer, blob.byteOffset).getUint16(HEADER.abiVersion, true);
  if (abiVersion !== slots.abiVersion) {
    refuse(
      `its module has ABI version ${slots.abiVersion}, the model ${abiVersion}: convert it with the version of Little Tern that the firmware is from`,
    );
  }
  if (needsMore(blob, slots.features)) {
    refuse(
      "its module lacks an op, a packing or a dtype of the model: `npx littletern repack --for any` packs it for every module that has its ops",
    );
  }
  if (memoryBytes !== undefined && memoryBytes > info.memoryBytes) {
    refuse(`the model takes ${memoryBytes} bytes of RAM, the device has ${info.memoryBytes}`);
  }
  if (counter < slots.counter) {
    refuse(
      `the model's counter is ${counter}, expected at least the device's, ${slots.counter}: a model below it never runs there`,
    );
  }
  if (slots.counter > 0 && counter - slots.counter > COUNTER_STEP) {
    refuse(`the model's counter is ${counter}, expected at most ${COUNTER_STEP} beyond the device's, ${slots.counter}`);
  }

  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(blob)));
  const statement: Statement = { counter, bytes: blob.length, trailerBytes: trailer.length, sha256 };
  const { active } = slots;
  const running = active === undefined ? undefined : slots.slots[active]!;
  const holds = (index: number) => isSame(slots.slots[index]?.header, statement);
  if (active !== undefined && running!.state === "trying") {
    if (holds(active)) return { stage: "test", slot: active, statement };
    refuse("another model is on trial: reset the device, or `npx littletern rollback` it");
  }
  if (active !== undefined && holds(active)) return { stage: "nothing", slot: active, statement };
  const slot = active === undefined ? emptiest(slots) : slots.slots.length > 1 ? active ^ 1 : 0;
  if (slots.slots[slot]!.state === "stored" && holds(slot) && isNewest(slots, slot))
    return { stage: "try", slot, statement };
  const { bodyBytes } = slots.slots[slot]!;
  const bytes = blob.length + trailer.length;
  if (bytes > bodyBytes) refuse(`slot ${slot} has room for ${bodyBytes} bytes, the model has ${bytes}`);
  return { stage: "write", slot, statement };
}

/** Where no model runs: a slot that receives goes on, else the first. */
function emptiest({ slots }: SlotsInfo): number {
  const receiving = slots.findIndex(({ state }) => state === "receiving" || state === "stored");
  return Math.max(receiving, 0);
}

/** Whether a start would take what is stored in a slot: its sequence number is newer than the other's (assembly/update/FORMAT.md). */
function isNewest({ slots }: SlotsInfo, slot: number): boolean {
  const other = slots[slot ^ 1]?.header;
  return !other || ((slots[slot]!.header!.sequence - other.sequence) | 0) > 0;
}

function isSame(header: Statement | undefined, { counter, bytes, trailerBytes, sha256 }: Statement): boolean {
  if (!header || header.counter !== counter || header.bytes !== bytes) return false;
  return header.trailerBytes === trailerBytes && Buffer.compare(header.sha256, sha256) === 0;
}

/**
 * Carries a plan out: sends what the slot does not hold, has the device hash it, starts it, runs its golden pairs, and confirms it. What was done
 * stays done, wherever it ends: another update to the same model goes on. Throws UpdateError: "refused" by the device before it erased anything;
 * "broken off" while the model was sent; "rejected" by its trial, and the other model runs again; "stopped" by the signal.
 */
export async function update(
  device: AsyncDevice,
  { slots }: Probe,
  { stage, slot, statement }: Plan,
  { blob, trailer }: SlotModel,
  { onProgress = () => {}, signal }: UpdateOptions = {},
): Promise<UpdateResult> {
  const result: UpdateResult = { sent: 0, kept: 0, pairs: 0 };
  if (stage === "nothing") return result;
  const data = new Uint8Array(blob.length + trailer.length);
  data.set(blob);
  data.set(trailer, blob.length);

  if (stage === "write") {
    const { sectorBytes } = slots.slots[slot]!;
    await begin(device, slot, statement);
    const sender = new Sender(device, data, sectorBytes, slots.unitBytes, signal);
    await breakingOff(async () => {
      for (let at = 0; at < data.length; at += sectorBytes) {
        await sender.sector(at, (done) => onProgress({ stage, done, bytes: data.length }));
      }
      await finish(device, sender, data.length, sectorBytes);
    });
    Object.assign(result, { sent: sender.sent, kept: Math.max(data.length - sender.sent, 0) });
  }
  stopping(signal);
  if (stage !== "test") {
    onProgress({ stage: "try", done: data.length, bytes: data.length });
    const active = await breakingOff(() => device.try());
    if (active !== slot) throw new UpdateError("rejected", `the device does not start the model in slot ${slot}`);
  }
  onProgress({ stage: "test", done: data.length, bytes: data.length });
  result.pairs = await trial(device);
  await breakingOff(() => device.confirm());
  return result;
}

/** Refusals of `begin`, behind which nothing was erased. */
const REFUSALS = ["BadSlot", "OnTrial", "TooLarge", "Downgrade", "FastForward"] as const;

async function begin(device: AsyncDevice, slot: number, statement: Statement): Promise<void> {
  try {
    await device.begin(slot, statement);
  } catch (error) {
    const isRefusal = error instanceof StatusError && REFUSALS.some((name) => UPDATE_STATUS[name] === error.status);
    if (isRefusal) throw new UpdateError("refused", (error as Error).message);
    throw brokenOff(error);
  }
}

/** Times that sectors are compared and sent again where the device's hash is another. */
const REPAIRS = 2;

async function finish(device: AsyncDevice, sender: Sender, bytes: number, sectorBytes: number): Promise<void> {
  for (let repairs = 0; ; repairs++) {
    try {
      return await device.finish();
    } catch (error) {
      const isWrong = error instanceof StatusError && error.status === UPDATE_STATUS.BadHash;
      if (!isWrong || repairs === REPAIRS) throw error;
    }
    for (let at = 0; at < bytes; at += sectorBytes) await sender.sector(at, () => {});
  }
}

/** Sends sectors of a model. */
class Sender {
  /** Bytes of the model that were sent, however often. */
  sent = 0;
  readonly #device: AsyncDevice;
  readonly #data: Uint8Array;
  readonly #sectorBytes: number;
  readonly #blockBytes: number;
  readonly #signal: AbortSignal | undefined;

  constructor(device: AsyncDevice, data: Uint8Array, sectorBytes: number, unitBytes: number, signal?: AbortSignal) {
    this.#device = device;
    this.#data = data;
    this.#sectorBytes = sectorBytes;
    this.#blockBytes = MAX_BLOCK - (MAX_BLOCK % unitBytes);
    this.#signal = signal;
  }

  /** Sends the sector that begins at a byte, unless the slot holds it. Flash that did not take it is given it once more. */
  async sector(at: number, onDone: (done: number) => void): Promise<void> {
    const sector = this.#data.subarray(at, at + this.#sectorBytes);
    stopping(this.#signal);
    if (!(await this.#holds(at, sector))) {
      await this.#send(at, sector, onDone).catch(async (error: unknown) => {
        if (!(error instanceof StatusError && error.status === UPDATE_STATUS.WriteFailed)) throw error;
        await this.#send(at, sector, onDone);
      });
    }
    onDone(at + sector.length);
  }

  async #holds(at: number, sector: Uint8Array): Promise<boolean> {
    try {
      return (await this.#device.checksum(at, sector.length)) === crc32(sector);
    } catch (error) {
      if (error instanceof StatusError && error.status === UPDATE_STATUS.Unreadable) return false;
      throw error;
    }
  }

  async #send(at: number, sector: Uint8Array, onDone: (done: number) => void): Promise<void> {
    for (let done = 0; done < sector.length; done += this.#blockBytes) {
      stopping(this.#signal);
      const block = sector.subarray(done, done + this.#blockBytes);
      await this.#device.block(at + done, block);
      this.sent += block.length;
      onDone(at + done + block.length);
    }
  }
}

/** Runs the model's golden pairs on the device; where it fails, has it go back. Returns how many there were. */
async function trial(device: AsyncDevice): Promise<number> {
  let why: string;
  try {
    await device.open(1);
    const { pairs, wrong } = await device.selfTest();
    if (wrong === 0) return pairs;
    why = `${wrong} of its ${pairs} golden pairs came out wrong`;
  } catch (error) {
    if (!(error instanceof StatusError)) throw brokenOff(error);
    why = error.message;
  }
  const active = await breakingOff(() => device.revert());
  const now = active === undefined ? "no model runs" : `the model in slot ${active} runs again`;
  throw new UpdateError("rejected", `on its trial: ${why}; ${now}`);
}

function stopping(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new UpdateError("stopped", "what was stored stays: the same update goes on from there");
}

async function breakingOff<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw brokenOff(error);
  }
}

function brokenOff(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  return new UpdateError("broken off", `${error.message}; the same update goes on where it was`);
}
