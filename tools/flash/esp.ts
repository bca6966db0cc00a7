import { UpdateError } from "../../host/base/errors.ts";
import { hex } from "../../host/base/printable.ts";
import { type EspChipSession, openEsp } from "../../host/flash/esp/loader.ts";
import { type Partition, SECTOR_BYTES } from "../../host/flash/esp/partitions.ts";
import { type NodeSerial, webSerialPort } from "../../host/flash/esp/serial.ts";
import { usbIds } from "../../host/flash/esp/usb.ts";
import { roomOf, type Slot, type SlotImage, slotImage } from "../../host/flash/slot.ts";
import { namingFiles, readSignedModel } from "../files/models.ts";
import { nameOf } from "../files/stdio.ts";
import { numberOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { showWork, startProgress } from "../terminal/progress.ts";
import { formatCount } from "../terminal/table.ts";
import { signedOf } from "./signed.ts";
import { stoppable } from "./stoppable.ts";

export const ESP_FORM = "esp:/dev/ttyUSB0#PARTITION";
const TARGET = /^esp:((?:\/dev\/|COM\d)[^#]*)(?:#(.*))?$/;

/** Whether a target is an ESP chip at a port, rather than a file for one. */
export function isEspPort(target: string): boolean {
  return TARGET.test(target);
}

/** Options as they stand on the command line. */
interface EspArgs {
  model: string;
  to: string;
  counter?: string;
  sequence?: string;
  "dry-run"?: boolean;
  json?: boolean;
}

/** Writes a blob into a partition of an ESP chip, as a slot in state *stored*: the firmware tries it at its next start, which follows. */
export async function flashEsp({ model, to, json, ...args }: EspArgs): Promise<void> {
  const [, path, label] = TARGET.exec(to)!;
  if (!label) throw new UsageError(`--to "${to}": no partition, expected ${ESP_FORM}`);
  const sequence = numberOption("sequence", args.sequence);
  const { blob, trailer } = await readSignedModel(model);
  const { counter } = await namingFiles({ model }, async () =>
    signedOf(blob, trailer, numberOption("counter", args.counter)),
  );
  const isDry = args["dry-run"] ?? false;
  const session = await showWork(`Opening ${path}`, () => openPort(path!));
  try {
    const partition = await session.partition(label);
    const slot: Slot = { ...partition, eraseBytes: SECTOR_BYTES, erased: 0xff };
    const image = await namingFiles({ model }, () => slotImage(slot, blob, trailer, { counter, sequence }));
    const isThere = await session.holds(image.whole);
    if (!isThere && !isDry) await stoppable((signal) => write(session, image, signal));
    printResult(
      json,
      () => ({
        to,
        chip: session.chip,
        partition: label,
        address: partition.address,
        written: !isThere && !isDry,
        bytes: image.whole.bytes.length,
        state: "stored",
        sequence: image.sequence,
        counter: image.counter,
        blobBytes: blob.length,
        trailerBytes: trailer.length,
        sha256: Buffer.from(image.sha256).toString("hex"),
      }),
      () =>
        format(
          nameOf(model),
          session.chip,
          partition,
          slot,
          image,
          isThere ? "is there already" : isDry ? "to be written (--dry-run)" : "stored",
        ),
    );
  } finally {
    await session.close();
  }
}

/** The model, and then the log that says that it is there. */
async function write(session: EspChipSession, { whole: { address, bytes } }: SlotImage, signal: AbortSignal) {
  const progress = startProgress("Writing", bytes.length);
  try {
    for (const [from, end] of [
      [SECTOR_BYTES, bytes.length],
      [0, SECTOR_BYTES],
    ] as const) {
      await session.write({ address: address + from, bytes: bytes.subarray(from, end) }, (done, all) => {
        if (signal.aborted)
          throw new UpdateError("stopped", "the partition holds no model: the same command writes it");
        const sent = from === 0 ? bytes.length : Math.round((end * done) / all);
        progress.update(sent, `${formatCount(sent)} of ${formatCount(bytes.length)} bytes`);
      });
    }
  } finally {
    progress.end();
  }
}

async function openPort(path: string): Promise<EspChipSession> {
  const [client, serial] = await Promise.all([import("esptool-js"), import(SERIAL)]).catch((error) => {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UpdateError("no device", `no esptool-js or serialport, which reach ESP chips: \`${INSTALL}\` gets them`);
  });
  const { SerialPort } = serial as NodeSerial;
  return openEsp(client, webSerialPort({ SerialPort }, path, await usbIds(SerialPort, path)));
}

/** A package with native parts: installed by those who have such a chip. */
const SERIAL: string = "serialport";
const INSTALL = "npm install esptool-js@0.7.0 serialport@13.0.0";

function format(
  model: string,
  chip: string,
  { label, address }: Partition,
  slot: Slot,
  { counter, sequence, sha256, whole }: SlotImage,
  state: string,
): string[] {
  return [
    `${model} → ${chip}, partition ${label}: ${state}`,
    "",
    `flash    ${hex(address)} … ${hex(address + whole.bytes.length)}; the slot has room for ${formatCount(roomOf(slot))}`,
    `log      sequence ${sequence}, counter ${counter}`,
    `sha256   ${Buffer.from(sha256).toString("hex")}`,
  ];
}
