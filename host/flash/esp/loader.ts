import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { ESPLoader, Transport } from "esptool-js";
import { UpdateError } from "../../base/errors.ts";
import type { Chunk } from "../../firmware/hex.ts";
import { type Partition, readPartitions, slotPartition, TABLE } from "./partitions.ts";
import type { UsbIds } from "./usb.ts";

// A chip in its boot loader, by Espressif's own client: https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/serial-protocol.html

/** A serial port as Web Serial has it, as far as esptool-js asks for it; `close` ends its streams, whoever has them locked. */
export interface WebSerialPort {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number }): Promise<void>;
  close(): Promise<void>;
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean; break?: boolean }): Promise<void>;
  getInfo(): UsbIds;
}

/** What every chip and adapter takes. */
const BAUD = 115_200;
/** Times that a chip is put into its boot loader, and asked. */
const ATTEMPTS = 3;
/** The chip is held in reset for so long. */
const RESET_MS = 100;

export interface EspChipSession {
  /** As Espressif writes it: "ESP32-C3". */
  readonly chip: string;
  /** The partition of a label, where a slot may be. Throws UpdateError, "refused". */
  partition(label: string): Promise<Partition>;
  /** Whether flash holds these bytes. */
  holds(chunk: Chunk): Promise<boolean>;
  /** Erases, writes and compares. `onBytes` is given bytes that were sent, of those that there are; what it throws ends the transfer. Throws UpdateError, "broken off". */
  write(chunk: Chunk, onBytes: (done: number, bytes: number) => void): Promise<void>;
  /** Resets the chip, which starts its firmware, and closes the port. */
  close(): Promise<void>;
}

/**
 * Puts a chip into its boot loader and loads Espressif's flasher into its RAM. `client` is the package esptool-js. Throws UpdateError: "no device" where nothing
 * answers, "refused" by a chip that lets nobody read its flash.
 */
export async function openEsp(client: typeof import("esptool-js"), port: WebSerialPort): Promise<EspChipSession> {
  const transport = new client.Transport(port as never, false);
  transport.trace = () => {}; // it says on standard output what it does
  const terminal = { clean: () => {}, write: () => {}, writeLine: () => {} };
  const loader = new client.ESPLoader({ transport, baudrate: BAUD, romBaudrate: BAUD, terminal });
  const close = () => restart(transport, port).catch(() => {}); // of one that was unplugged
  try {
    await loader.connect("default_reset", ATTEMPTS);
    if (loader.secureDownloadMode) {
      throw new UpdateError(
        "refused",
        `${loader.chip.CHIP_NAME}: its secure download mode lets nobody read the partition table`,
      );
    }
    await loader.runStub();
  } catch (error) {
    await close();
    throw asUpdateError("no device", error);
  }
  return session(loader, close);
}

function session(loader: ESPLoader, close: () => Promise<void>): EspChipSession {
  const breakingOff = <T>(work: () => Promise<T>) =>
    work().catch((error) => {
      throw asUpdateError("broken off", error);
    });
  const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
  return {
    chip: loader.chip.CHIP_NAME,
    async partition(label) {
      const table = await breakingOff(() => loader.readFlash(TABLE.address, TABLE.bytes));
      try {
        return slotPartition(readPartitions(table), label);
      } catch (error) {
        throw asUpdateError("refused", error);
      }
    },
    holds: ({ address, bytes }) =>
      breakingOff(async () => (await loader.flashMd5sum(address, bytes.length)) === md5(bytes)),
    write: ({ address, bytes }, onBytes) =>
      breakingOff(() =>
        loader.writeFlash({
          fileArray: [{ data: bytes, address }],
          ...{ flashMode: "keep", flashFreq: "keep", flashSize: "keep" },
          eraseAll: false,
          compress: true,
          reportProgress: (_, done, all) => onBytes(done, all),
          calculateMD5Hash: md5,
        }),
      ),
    close,
  };
}

/**
 * Holds EN low by RTS, with IO0 high, and lets it go: the firmware starts. The port is closed without `transport.disconnect`, which waits forever for a writer that has
 * failed.
 */
async function restart(transport: Transport, port: WebSerialPort): Promise<void> {
  try {
    await transport.setSignals(false, true);
    await setTimeout(RESET_MS);
    await transport.setSignals(false, false);
  } finally {
    await port.close();
  }
}

function asUpdateError(kind: "no device" | "refused" | "broken off", error: unknown): UpdateError {
  if (error instanceof UpdateError) return error;
  const advice = kind === "broken off" ? "; the same command writes it again" : "";
  // A stream that has failed says of further writes that it is locked.
  const what = error instanceof TypeError ? "the port takes no more bytes" : (error as Error).message;
  return new UpdateError(kind, `${what}${advice}`);
}
