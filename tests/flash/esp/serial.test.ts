import { EventEmitter } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as client from "esptool-js";
import { describe, expect, it } from "vitest";
import { openEsp, type WebSerialPort } from "../../../host/flash/esp/loader.ts";
import { type NodeSerialPort, webSerialPort } from "../../../host/flash/esp/serial.ts";
import { sysfsIds } from "../../../host/flash/esp/usb.ts";
import { scratch } from "../../tools/tern.ts";
import { Chip } from "./chip.ts";

type Done = (error?: Error | null) => void;

/** The class of the package `serialport`, as its documentation has it, with a chip at its end. */
function nodeSerial(chip: Chip, failure?: string) {
  const opened: { path: string; baudRate: number }[] = [];
  class SerialPort extends EventEmitter implements NodeSerialPort {
    readonly #port: WebSerialPort = chip.port();

    constructor(options: { path: string; baudRate: number; autoOpen: false }) {
      super();
      opened.push({ path: options.path, baudRate: options.baudRate });
    }

    static async list() {
      return [{ path: "/dev/other", vendorId: "1234" }];
    }

    open(done: Done) {
      if (failure !== undefined) return done(new Error(failure));
      const run = async () => {
        await this.#port.open({ baudRate: 0 });
        done();
        for await (const bytes of this.#port.readable!) this.emit("data", Buffer.from(bytes));
        this.emit("close");
      };
      run().catch(done);
    }

    close(done: Done) {
      this.#port.close().then(() => done(), done);
    }

    write(bytes: Uint8Array, done: Done) {
      const writer = this.#port.writable!.getWriter();
      writer.write(bytes).then(() => done(), done);
      writer.releaseLock();
      return true;
    }

    drain(done: Done) {
      done();
    }

    set({ dtr, rts }: { dtr: boolean; rts: boolean }, done: Done) {
      this.#port.setSignals({ dataTerminalReady: dtr, requestToSend: rts }).then(() => done(), done);
    }
  }
  return { serial: { SerialPort }, opened };
}

describe("a port of the package serialport", () => {
  it("carries what a chip and its loader say", async () => {
    const chip = new Chip({ flash: new Uint8Array(0x10000).fill(0xff) });
    const { serial, opened } = nodeSerial(chip);
    const session = await openEsp(client, webSerialPort(serial, "/dev/ttyUSB0", {}));
    const chunk = { address: 0x4000, bytes: Uint8Array.from({ length: 4096 }, (_, i) => i & 255) };
    await session.write(chunk, () => {});
    expect(await session.holds(chunk)).toBe(true);
    await session.close();
    expect(chip.flash.subarray(0x4000, 0x5000)).toEqual(chunk.bytes);
    expect([chip.mode, opened]).toEqual(["firmware", [{ path: "/dev/ttyUSB0", baudRate: 115_200 }]]);
  });

  it("that cannot be opened is no device", async () => {
    const { serial } = nodeSerial(
      new Chip({ flash: new Uint8Array() }),
      "Error: Permission denied, cannot open /dev/ttyUSB0",
    );
    const opening = openEsp(client, webSerialPort(serial, "/dev/ttyUSB0", {}));
    await expect(opening).rejects.toMatchObject({
      kind: "no device",
      message: "no device: Permission denied, cannot open /dev/ttyUSB0",
    });
  });
});

describe("the ids of a port's USB device", () => {
  const { folder, put } = scratch();
  const device = join(folder, "usb1", "1-1");
  for (const port of [join(device, "1-1:1.0", "ttyUSB7"), join(folder, "platform", "serial0")])
    mkdirSync(port, { recursive: true });
  put("usb1/1-1/idVendor", "303a\n");
  put("usb1/1-1/idProduct", "1001\n");
  const terminals = join(folder, "tty");
  for (const [name, to] of [
    ["ttyUSB7", join(device, "1-1:1.0", "ttyUSB7")],
    ["ttyACM7", join(device, "1-1:1.0")],
    ["ttyS7", join(folder, "platform", "serial0")],
  ] as const) {
    mkdirSync(join(terminals, name), { recursive: true });
    symlinkSync(to, join(terminals, name, "device"));
    put(name, "");
  }
  symlinkSync(join(folder, "ttyACM7"), join(folder, "by-id"));

  const ids = { usbVendorId: 0x303a, usbProductId: 0x1001 };
  it.each([
    ["ttyUSB7", ids],
    ["ttyACM7", ids],
    ["by-id", ids],
    ["ttyS7", {}],
    ["none", {}],
  ])("are found by Linux's files of %s", (name, expected) => {
    expect(sysfsIds(join(folder, name), terminals)).toEqual(expected);
  });
});
