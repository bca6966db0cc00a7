import fc from "fast-check";
import { expect, it } from "vitest";
import { EngineError, UpdateError } from "../../host/base/errors.ts";
import { HEADER_BYTES } from "../../host/blob/layout.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { openAsyncDevice, type Port } from "../../host/firmware/link/client.ts";
import { decodeSlots, payloadOf } from "../../host/firmware/link/protocol.ts";
import { makeKeys, readKey, signBlob } from "../../host/flash/signature.ts";
import { planUpdate, probe, type SlotModel, type UpdateOptions, update } from "../../host/flash/update.ts";
import { Random } from "../graph/random.ts";
import { TERNARY } from "../module/programs.ts";
import { ALL } from "./boards.ts";
import { FAULTS, faultyPort, type Place } from "./faulty_port.ts";
import { infoOf, simulatedDevice, speakingDevice } from "./simulated.ts";
import { asAsync, BOARD, MEMORY_BYTES, SlottedDevice } from "./simulated_slots.ts";

/** Bytes behind a blob's header: an update looks into nothing else, and slots do not even look there. */
function modelBytes(seed: number, bytes: number): Uint8Array {
  const blob = new Uint8Array(bytes);
  const random = new Random(seed);
  for (let at = 0; at < bytes; at++)
    blob[at] = random.chance(0.2) ? random.pick([0, 0xd7, 0x54, 0xff]) : random.int(0, 255);
  blob.set(writeBlob(Object.values(TERNARY)[0]!).subarray(0, HEADER_BYTES));
  return blob;
}

const [first, second] = [modelBytes(1, 720), modelBytes(2, 931)];
const key = readKey(Buffer.from(makeKeys().privatePem), "private");
const NO_TRAILER = new Uint8Array(0);
const modelOf = (blob: Uint8Array, counter = 0): SlotModel => ({ blob, trailer: NO_TRAILER, counter });

/** Carries out a whole update. */
async function bring(port: Port, model: SlotModel, options?: UpdateOptions) {
  const device = openAsyncDevice(asAsync(port), { timeoutMs: 1 });
  const found = await probe(device);
  const plan = await planUpdate(found, model);
  return { plan, ...(await update(device, found, plan, model, options)) };
}

/** A device on which `first` is confirmed. */
async function device(...args: ConstructorParameters<typeof SlottedDevice>): Promise<SlottedDevice> {
  const made = new SlottedDevice(...args);
  await bring(made.port, modelOf(first));
  return made;
}

function expectRuns({ model, update }: SlottedDevice, blob: Uint8Array): void {
  expect(model).toEqual(blob);
  expect(update.slot(update.active).state).toBe("confirmed");
}

it.each([
  [256, 8, 2],
  [1024, 32, 2],
  [512, 1, 2],
  [256, 4, 1],
] as const)(
  "an update brings the new model: sectors of %i, units of %i, %i slots",
  async (sectorBytes, unitBytes, slots) => {
    const of = await device(sectorBytes, unitBytes, slots);
    expectRuns(of, first);
    const { plan, sent, pairs } = await bring(of.port, modelOf(second, 1));
    expect(plan).toMatchObject({ stage: "write", slot: slots - 1 });
    expect({ sent, pairs }).toEqual({ sent: second.length, pairs: 2 });
    expectRuns(of, second);
    expect(of.update.counter).toBe(1);
    expect(await bring(of.port, modelOf(second, 1))).toMatchObject({ plan: { stage: "nothing" }, sent: 0 });
  },
);

it("an update with a signature stores it behind the model, and takes its counter and board", async () => {
  const of = await device();
  const signed = { counter: 7, board: BOARD };
  const trailer = signBlob(second, key, signed);
  await bring(of.port, { blob: second, trailer, ...signed });
  expectRuns(of, second);
  expect(of.update.counter).toBe(7);
  const { body } = of.layout.slots[of.update.active]!;
  expect(of.flash.look(body + second.length, trailer.length)).toEqual(trailer);
});

it("an update sends what differs", async () => {
  const of = await device();
  const [changed, again] = [first.slice(), first.slice()];
  changed[600]! ^= 1;
  again[300]! ^= 1;
  await bring(of.port, modelOf(changed, 1)); // the other slot was empty
  const { sent, kept } = await bring(of.port, modelOf(again, 2)); // slot 0 holds `first`; its first sector is erased for a new header
  expect({ sent, kept }).toEqual({ sent: 512, kept: first.length - 512 });
  expectRuns(of, again);
});

it.each<[string, (of: SlottedDevice) => SlotModel | Promise<SlotModel>, string]>([
  [
    "another board",
    () => ({ ...modelOf(second), board: "microbit" }),
    "simulated: the model is signed for board microbit",
  ],
  [
    "another ABI",
    (of) => {
      of.abiVersion = 3;
      return modelOf(second);
    },
    "its module has ABI version 3, the model 2: convert it with the version",
  ],
  [
    "an op, packing or dtype that the module lacks",
    (of) => {
      of.features = [2 ** 32 - 1, 0, 2 ** 32 - 1, 2 ** 32 - 1];
      return modelOf(second);
    },
    "its module lacks an op, a packing or a dtype of the model",
  ],
  [
    "too little memory",
    () => ({ ...modelOf(second), memoryBytes: MEMORY_BYTES + 1 }),
    "takes 65537 bytes of RAM, the device has 65536",
  ],
  [
    "too little room",
    () => modelOf(new Uint8Array([...second, ...new Uint8Array(4096)])),
    "slot 1 has room for 4096 bytes",
  ],
  [
    "a downgrade",
    async (of) => {
      await bring(of.port, modelOf(second, 5));
      return modelOf(first, 4);
    },
    "the model's counter is 4, expected at least the device's, 5",
  ],
  [
    "a counter that runs away",
    async (of) => {
      await bring(of.port, modelOf(second, 5));
      return modelOf(first, 5 + 1025);
    },
    "the model's counter is 1030, expected at most 1024 beyond the device's, 5",
  ],
  [
    "a counter that runs away from a device that has 0, by the device",
    () => modelOf(second, 1025),
    "begin returned status 84, FastForward",
  ],
  [
    "another model on trial",
    async (of) => {
      of.update.begin(1, { counter: 0, bytes: 1, trailerBytes: 0, sha256: await hashOf(Uint8Array.of(9)) });
      of.update.block(0, Uint8Array.of(9));
      of.update.finish();
      of.update.start();
      return modelOf(second);
    },
    "another model is on trial: reset the device",
  ],
])("refuses %s before anything is erased", async (_, make, message) => {
  const of = await device();
  const model = await make(of);
  const before = of.flash.bytes.slice();
  await expect(bring(of.port, model)).rejects.toThrow(message);
  await expect(bring(of.port, model)).rejects.toMatchObject({ name: "UpdateError", kind: "refused" });
  expect(of.flash.bytes).toEqual(before);
});

async function hashOf(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes)));
}

/** What a device may answer to `slots`: fields of the page, one of which is another. */
const slotsAnswer = (change: Record<number, number>): Uint8Array => {
  const words = [2, 1, 0, 8, 2, 0, 0, 0, 0];
  const slot = [4, 256, 4096, ...new Array<number>(16).fill(1)];
  const answer = [...words, ...slot, ...slot];
  for (const [at, word] of Object.entries(change)) answer[Number(at)] = word;
  return payloadOf(answer.map((word) => word >>> 0));
};

it.each([
  ["no slots", slotsAnswer({ 0: 0 })],
  ["three slots", slotsAnswer({ 0: 3 })],
  ["a third slot that runs", slotsAnswer({ 1: 2 })],
  ["an empty slot that runs", slotsAnswer({ 28: 0 })],
  ["units of no bytes", slotsAnswer({ 3: 0 })],
  ["units of 64 bytes", slotsAnswer({ 3: 64 })],
  ["a state that is none", slotsAnswer({ 9: 6 })],
  ["sectors of no bytes", slotsAnswer({ 10: 0 })],
  ["sectors of three bytes", slotsAnswer({ 10: 3 })],
  ["no room", slotsAnswer({ 11: 0 })],
  ["a part of a sector", slotsAnswer({ 11: 4097 })],
  ["nothing", new Uint8Array(0)],
  ["half of it", slotsAnswer({}).subarray(0, 100)],
])("refuses a device that says that it has %s", async (_, answer) => {
  expect(decodeSlots(slotsAnswer({}))).toMatchObject({
    active: 1,
    slots: [{ state: "confirmed" }, { bodyBytes: 4096 }],
  });
  const port = speakingDevice((command) => (command === 1 ? infoOf({ board: BOARD }) : answer));
  await expect(probe(openAsyncDevice(asAsync(port)))).rejects.toThrow("slots: the answer has no fields of slots");
});

it("takes any bytes for what they are: slots, or none", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => void decodeSlots(bytes)));
});

it("sends requests that are made at once one after the other", async () => {
  const of = await device();
  const at = openAsyncDevice(asAsync(of.port), { timeoutMs: 1 });
  const found = await Promise.all([
    at.info(),
    at.slots(),
    at.dump(0, 0, first.length),
    at.finish().catch(() => "refused"),
  ]);
  expect(found).toMatchObject([{ board: BOARD }, { active: 0 }, first, "refused"]);
});

it("refuses a device without slots", async () => {
  await expect(probe(openAsyncDevice(asAsync(simulatedDevice())))).rejects.toMatchObject({ kind: "refused" });
});

it("a model that fails on its trial is given up, and the one before runs", async () => {
  const of = await device();
  of.isRight = (model) => model.length !== second.length;
  await expect(bring(of.port, modelOf(second, 1))).rejects.toThrow(
    "rejected: on its trial: 1 of its 2 golden pairs came out wrong; the model in slot 0 runs again",
  );
  expectRuns(of, first);
  expect(of.update.counter).toBe(0);
  of.isRight = () => true;
  await bring(of.port, modelOf(second, 1));
  expectRuns(of, second);
});

it("a model that was stored and not tried is tried; one on trial is tested", async () => {
  const of = await device();
  const { port } = of;
  const stopsBefore = (command: number): Port => ({
    ...port,
    write(bytes) {
      if (bytes[2] === command) throw new EngineError("missing", "unplugged");
      port.write(bytes);
    },
  });
  await expect(bring(stopsBefore(21), modelOf(second))).rejects.toMatchObject({ kind: "broken off" });
  await expect(bring(stopsBefore(22), modelOf(second))).rejects.toMatchObject({ kind: "broken off" });
  expect(of.update.slot(1).state).toBe("trying");
  expect(await bring(port, modelOf(second))).toMatchObject({ plan: { stage: "test" }, sent: 0, pairs: 2 });
  expectRuns(of, second);
});

it("stops where it is told to, and goes on from there", async () => {
  const of = await device();
  const stop = new AbortController();
  const onProgress = ({ done }: { done: number }) => {
    if (done >= 512) stop.abort();
  };
  const stopped = bring(of.port, modelOf(second), { onProgress, signal: stop.signal });
  await expect(stopped).rejects.toMatchObject({ kind: "stopped" });
  expectRuns(of, first);
  expect(await bring(of.port, modelOf(second))).toMatchObject({ kept: 512 });
  expectRuns(of, second);
});

it("a device that reads other bytes than it was sent is sent them again, and given up if that does not help", async () => {
  const of = await device();
  const { body } = of.layout.slots[1]!;
  let wrong = 1;
  of.flash.fault = (address, _, becomes) => (address === body + 300 && wrong-- > 0 ? becomes ^ 1 : becomes);
  await bring(of.port, modelOf(second));
  expectRuns(of, second);
});

/** At every so many bytes; at all of them by `npm run test:devices`. */
const STEP = ALL ? 1 : 29;

it.each(FAULTS)("an upload on a line that fails once ends well: a byte %s", { timeout: 600_000 }, async (fault) => {
  const sound = faultyPort((await device()).port);
  await bring(sound, modelOf(second, 1));
  const { toDevice, fromDevice } = sound.passed;
  expect(toDevice).toBeGreaterThan(second.length);
  for (let at = 0; at < toDevice + fromDevice; at += STEP) {
    const place: Place = { fault, toDevice: at < toDevice, byte: at < toDevice ? at : at - toDevice };
    const of = await device();
    await bring(faultyPort(of.port, place), modelOf(second, 1)).catch((error: Error) => {
      throw new Error(`byte ${place.byte} ${place.toDevice ? "to" : "from"} the device: ${error.message}`);
    });
    expectRuns(of, second);
  }
});

/** A line on which nothing passes any more from some byte on, in either direction. */
function unplugged(port: Port, from: number): Port {
  let left = from;
  const pass = (bytes: Uint8Array) => {
    const passed = bytes.subarray(0, left);
    left -= passed.length;
    return passed;
  };
  return { write: (bytes) => port.write(pass(bytes)), read: (ms) => pass(port.read(ms)), close: () => {} };
}

it.each([false, true])(
  "an upload that breaks off anywhere goes on, after a reset: %s",
  { timeout: 600_000 },
  async (isReset) => {
    const sound = faultyPort((await device()).port);
    await bring(sound, modelOf(second, 1));
    const bytes = sound.passed.toDevice + sound.passed.fromDevice;
    let most = 0;
    for (let at = 0; at < bytes; at += STEP) {
      const of = await device();
      const cut = bring(unplugged(of.port, at), modelOf(second, 1));
      const ended = await cut.catch((error: Error) => error);
      if (!(ended instanceof UpdateError)) expect(ended).toMatchObject({ kind: "missing" }); // before it was probed
      if (isReset) of.powerUp();
      if (of.update.slot(of.update.active).state !== "trying") expect([first, second]).toContainEqual(of.model);
      const { kept } = await bring(of.port, modelOf(second, 1));
      most = Math.max(most, kept);
      expectRuns(of, second);
    }
    expect(most).toBeGreaterThanOrEqual(512);
  },
);
