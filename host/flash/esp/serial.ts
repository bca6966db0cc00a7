import { EngineError } from "../../base/errors.ts";
import type { WebSerialPort } from "./loader.ts";
import type { SerialList, UsbIds } from "./usb.ts";

/** What is asked of the class SerialPort of the package `serialport`. */
export interface NodeSerialPort {
  open(done: (error?: Error | null) => void): void;
  close(done: (error?: Error | null) => void): void;
  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean;
  drain(done: (error?: Error | null) => void): void;
  set(signals: { dtr: boolean; rts: boolean; brk: boolean }, done: (error?: Error | null) => void): void;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "close" | "error", listener: () => void): unknown;
}

export interface NodeSerial {
  SerialPort: SerialList & {
    new (options: { path: string; baudRate: number; autoOpen: false }): NodeSerialPort;
  };
}

/** A port of the package `serialport` as Web Serial has it. `usb` tells a chip with USB of its own, which is reset in another way, from an adapter. */
export function webSerialPort({ SerialPort }: NodeSerial, path: string, usb: UsbIds): WebSerialPort {
  const signals = { dtr: false, rts: false, brk: false };
  let port: NodeSerialPort | undefined;
  let readable: ReadableStream<Uint8Array> | null = null;
  let writable: WritableStream<Uint8Array> | null = null;
  return {
    get readable() {
      return readable;
    },
    get writable() {
      return writable;
    },
    async open({ baudRate }) {
      const opened = new SerialPort({ path, baudRate, autoOpen: false });
      await called((done) => opened.open(done));
      port = opened;
      readable = incoming(opened);
      writable = new WritableStream({
        async write(bytes) {
          await called((done) => opened.write(bytes, done));
          await called((done) => opened.drain(done));
        },
      });
    },
    async close() {
      const closed = port;
      [port, readable, writable] = [undefined, null, null];
      if (closed) await called((done) => closed.close(done));
    },
    async setSignals({ dataTerminalReady: dtr, requestToSend: rts, break: brk }) {
      Object.assign(signals, dtr !== undefined && { dtr }, rts !== undefined && { rts }, brk !== undefined && { brk });
      await called((done) => (port ? port.set(signals, done) : done()));
    },
    getInfo: () => usb,
  };
}

/** What comes in, until the port is closed or nobody wants it any more. */
function incoming(port: NodeSerialPort): ReadableStream<Uint8Array> {
  let isOpen = true;
  return new ReadableStream({
    start(stream) {
      port.on("data", (bytes) => {
        if (isOpen) stream.enqueue(new Uint8Array(bytes));
      });
      port.on("error", () => {}); // whatever is asked of the port next says so, too
      port.on("close", () => {
        if (isOpen) stream.close();
        isOpen = false;
      });
    },
    cancel() {
      isOpen = false;
    },
  });
}

/** A call that says by its last argument that it is done. Throws EngineError. */
function called(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(new EngineError("missing", error.message.replace(/^Error: /, ""))) : resolve()));
  });
}
