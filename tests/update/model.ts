import { createHash } from "node:crypto";
import { crc32 } from "../../host/base/crc32.ts";
import { Random } from "../graph/random.ts";
import { type Device, STATUS, type Statement } from "./device.ts";

/** What a slot is to hold: a model, and the trailer behind it. */
export interface Model {
  data: Uint8Array;
  statement: Statement;
}

/** Random bytes, among them such as erased flash has. */
export function modelOf(seed: number, bytes: number, counter: number, trailerBytes = 0): Model {
  const random = new Random(seed);
  const data = new Uint8Array(bytes + trailerBytes);
  for (let at = 0; at < data.length; at++) data[at] = random.chance(0.1) ? random.pick([0, 0xff]) : random.int(0, 255);
  return stating(data, bytes, counter);
}

/** The same bytes under another counter. */
export function withCounter({ data, statement }: Model, counter: number): Model {
  return { data, statement: { ...statement, counter } };
}

function stating(data: Uint8Array, bytes: number, counter: number): Model {
  const sha256 = new Uint8Array(createHash("sha256").update(data.subarray(0, bytes)).digest());
  return { data, statement: { counter, bytes, trailerBytes: data.length - bytes, sha256 } };
}

/** A device refused what a host had to expect it to do. */
export class Refusal extends Error {
  readonly status: number;

  constructor(what: string, status: number) {
    super(`${what}: ${Object.entries(STATUS).find(([, code]) => code === status)?.[0] ?? status}`);
    this.status = status;
  }
}

export function expectOk(what: string, status: number): void {
  if (status !== STATUS.Ok) throw new Refusal(what, status);
}

/** The slot that a host sends a model to: the one that does not run. */
export function freeSlot(device: Device): number {
  return device.layout.slots.length > 1 && device.active === 0 ? 1 : 0;
}

/** Sends what differs of a model, sector by sector. */
export function send(device: Device, slot: number, { data }: Model, blockBytes = 256): void {
  const { sectorBytes } = device.layout.slots[slot]!;
  for (let sector = 0; sector < data.length; sector += sectorBytes) {
    const end = Math.min(sector + sectorBytes, data.length);
    if (device.checksum(sector, end - sector) === crc32(data.subarray(sector, end))) continue;
    for (let at = sector; at < end; at += blockBytes) {
      expectOk("block", device.block(at, data.subarray(at, Math.min(at + blockBytes, end))));
    }
  }
}

/** Brings a model into flash, all but its end. */
export function deliver(device: Device, model: Model, slot = freeSlot(device)): void {
  expectOk("begin", device.begin(slot, model.statement));
  send(device, slot, model);
}

/** As a host replaces a model: it is stored, and runs at the next start. */
export function transfer(device: Device, model: Model, slot?: number): void {
  deliver(device, model, slot);
  expectOk("finish", device.finish());
}

/** Replaces the model and keeps it. */
export function install(device: Device, model: Model, slot?: number): void {
  transfer(device, model, slot);
  expectOk("start", device.start());
  expectOk("confirm", device.confirm());
}
