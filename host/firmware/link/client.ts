import { Commands, type DeviceOptions, type Exchange } from "./commands.ts";

/** A stream of bytes to and from a device. */
export interface Port {
  /** Sends all of it. */
  write(bytes: Uint8Array): void;
  /** What has come in; waits for it up to `ms` milliseconds, and is empty if nothing comes. */
  read(ms: number): Uint8Array;
  close(): void;
}

/** The same for who lets others run meanwhile: a serial port of a browser, Bluetooth, a socket. */
export interface AsyncPort {
  write(bytes: Uint8Array): Promise<void>;
  read(ms: number): Promise<Uint8Array>;
  close(): void;
}

type Methods<K extends keyof Commands, Of extends "sync" | "async"> = {
  [Name in K]: Commands[Name] extends (...args: infer Args) => Exchange<infer T>
    ? (...args: Args) => Of extends "sync" ? T : Promise<T>
    : never;
};

/** A device that runs our firmware: the commands of `Commands`. */
export interface Device extends Methods<keyof Commands, "sync"> {
  close(): void;
}

export interface AsyncDevice extends Methods<keyof Commands, "async"> {
  close(): void;
}

/** The client of the protocol (PROTOCOL.md), over a port. */
export function openDevice(port: Port, options?: DeviceOptions): Device {
  return deviceOf<Device>(new Commands(options), port, (exchange) => run(port, exchange));
}

/** Requests that are made at the same time are sent one after the other. */
export function openAsyncDevice(port: AsyncPort, options?: DeviceOptions): AsyncDevice {
  let before: Promise<unknown> = Promise.resolve();
  return deviceOf<AsyncDevice>(new Commands(options), port, (exchange) => {
    const after = before.then(() => runAsync(port, exchange));
    before = after.catch(() => {});
    return after;
  });
}

/** Every command, as `drive` carries it out. */
function deviceOf<D>(commands: Commands, port: { close(): void }, drive: (exchange: Exchange<unknown>) => unknown): D {
  const names = Object.getOwnPropertyNames(Commands.prototype).filter((name) => name !== "constructor");
  const methods = names.map((name) => {
    const command = commands[name as keyof Commands] as (...args: unknown[]) => Exchange<unknown>;
    return [name, (...args: unknown[]) => drive(command.apply(commands, args))];
  });
  return { ...Object.fromEntries(methods), close: () => port.close() } as D;
}

const NOTHING = new Uint8Array(0);

function run<T>(port: Port, exchange: Exchange<T>): T {
  let step = exchange.next(NOTHING);
  while (!step.done) {
    let came = NOTHING;
    if ("write" in step.value) port.write(step.value.write);
    else came = port.read(step.value.readMs) as Uint8Array<ArrayBuffer>;
    step = exchange.next(came);
  }
  return step.value;
}

async function runAsync<T>(port: AsyncPort, exchange: Exchange<T>): Promise<T> {
  let step = exchange.next(NOTHING);
  while (!step.done) {
    let came = NOTHING;
    if ("write" in step.value) await port.write(step.value.write);
    else came = (await port.read(step.value.readMs)) as Uint8Array<ArrayBuffer>;
    step = exchange.next(came);
  }
  return step.value;
}
