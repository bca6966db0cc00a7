import { basename } from "node:path";
import { didYouMean } from "../../host/base/nearest.ts";
import { hex } from "../../host/base/printable.ts";
import { intelHex } from "../../host/firmware/hex.ts";
import { type EspChip, espManifest } from "../../host/flash/esp/manifest.ts";
import { SECTOR_BYTES } from "../../host/flash/esp/partitions.ts";
import { checkSlot, roomOf, type Slot, type SlotImage, slotImage } from "../../host/flash/slot.ts";
import { checkUf2Region, UF2_FAMILIES, type Uf2Family, type Uf2FamilyName, writeUf2 } from "../../host/flash/uf2.ts";
import { namingFiles, readSignedModel } from "../files/models.ts";
import { checkOutputs, writeFileAtomic, writeFilesAtomic } from "../files/outputs.ts";
import { nameOf, outName, STDIO, takeStdout } from "../files/stdio.ts";
import { checked, numberOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { formatCount } from "../terminal/table.ts";
import { DEVICE_FORM } from "./device.ts";
import { isOnDrive, uf2File, writeOnDrive } from "./drive.ts";
import { signedOf } from "./signed.ts";

/** Kinds of targets, and the bytes of their files. */
const KINDS: Record<string, (image: SlotImage, family?: Uf2Family) => Uint8Array> = {
  uf2: ({ whole }, family) => writeUf2(whole, family!),
  hex: ({ chunks }) => new TextEncoder().encode(intelHex(chunks)),
  bin: ({ whole }) => whole.bytes,
  esp: ({ whole }) => whole.bytes,
};

export const FORM = `${Object.keys(KINDS).join(":FILE, ")}:FILE`;

/** A target, as it stands on the command line. */
function targetOf(text: string): { kind: string; path: string } {
  const [kind, path] = [text.split(":", 1)[0]!, text.slice(text.indexOf(":") + 1)];
  if (!Object.hasOwn(KINDS, kind)) {
    const meant = didYouMean(kind, Object.keys(KINDS)) || ",";
    const expected = `expected a device, ${DEVICE_FORM}, or a file, ${FORM}`;
    throw new UsageError(`--to "${text}": there is no kind of target "${kind}"${meant} ${expected}`);
  }
  if (path === "" || path === text) throw new UsageError(`--to "${text}": no file, expected ${kind}:FILE`);
  return { kind, path };
}

/** Options as they stand on the command line. */
export interface ImageArgs {
  model: string;
  to: string;
  address?: string;
  "slot-size"?: string;
  "erase-unit"?: string;
  erased?: "0xff" | "0x00";
  family?: Uf2FamilyName;
  chip?: EspChip;
  counter?: string;
  sequence?: string;
  "dry-run"?: boolean;
  json?: boolean;
}

/** The slot that options speak of, and the family of boards where the target has one. */
function slotOf(kind: string, args: ImageArgs): { slot: Slot; family?: Uf2Family } {
  const [address, bytes] = (["address", "slot-size"] as const).map((name) => {
    const number = numberOption(name, args[name]);
    if (number === undefined) throw new UsageError(`missing option --${name}`);
    return number;
  }) as [number, number];
  if (kind === "uf2" && args.family === undefined) throw new UsageError("--to uf2: missing option --family");
  if (kind !== "uf2" && args.family !== undefined) throw new UsageError(`--to ${kind}: --family is for uf2 alone`);
  const family = args.family && UF2_FAMILIES[args.family];
  const { chip } = args;
  if ((kind === "esp") !== (chip !== undefined)) {
    throw new UsageError(`--to ${kind}: ${chip === undefined ? "missing option --chip" : "--chip is for esp alone"}`);
  }
  const known = family?.eraseBytes ?? (kind === "esp" ? SECTOR_BYTES : undefined);
  const eraseBytes = numberOption("erase-unit", args["erase-unit"]) ?? known;
  if (eraseBytes === undefined) throw new UsageError(`--to ${kind}: missing option --erase-unit`);
  if (family && eraseBytes % family.eraseBytes !== 0) {
    const expected = `expected a multiple of ${family.eraseBytes}, the erase unit of ${family.about}`;
    throw new UsageError(`--erase-unit ${eraseBytes}, ${expected}`);
  }
  const slot: Slot = {
    address,
    bytes,
    eraseBytes,
    erased: args.erased === "0x00" ? 0x00 : 0xff,
  };
  checked("--address, --slot-size and --erase-unit", () => {
    checkSlot(slot);
    if (family) checkUf2Region(slot.address, slot.bytes, family);
  });
  return { slot, family };
}

/** Where the manifest of an image for ESP Web Tools lies: beside it. */
function manifestPath(path: string): string {
  if (path === STDIO) throw new UsageError("--to esp: an image and its manifest are two files, expected a path");
  return `${path.replace(/\.bin$/, "")}.manifest.json`;
}

/** Writes a blob as an image that puts it into a slot of flash. */
export async function flashImage(args: ImageArgs): Promise<void> {
  const { kind, path: target } = targetOf(args.to);
  const { slot, family } = slotOf(kind, args);
  const sequence = numberOption("sequence", args.sequence);
  const isDry = args["dry-run"] ?? false;
  const path = kind === "uf2" ? await uf2File(target, args.model) : target;
  const manifest = kind === "esp" ? manifestPath(path) : undefined;
  if (!isDry) takeStdout(path);
  checkOutputs(manifest ? [path, manifest] : [path], { model: args.model }, "--to");
  const { blob, trailer } = await readSignedModel(args.model);
  const image = await namingFiles({ model: args.model }, async () => {
    const signed = signedOf(blob, trailer, numberOption("counter", args.counter));
    return slotImage(slot, blob, trailer, { counter: signed.counter, sequence });
  });
  const file = KINDS[kind]!(image, family);
  const drive = kind === "uf2" && isOnDrive(path) && !isDry ? await writeOnDrive(path, file) : undefined;
  if (!isDry && manifest !== undefined) {
    const name = basename(nameOf(args.model)).replace(/\.[^.]*$/, "");
    const version = `sha256 ${Buffer.from(image.sha256).toString("hex", 0, 8)}`;
    const part = { name, version, chip: args.chip!, path: basename(path), address: slot.address };
    await writeFilesAtomic([
      { path, bytes: file },
      { path: manifest, bytes: Buffer.from(espManifest(part)) },
    ]);
  } else if (!isDry && drive === undefined) await writeFileAtomic(path, file);
  printResult(
    args.json,
    () => ({
      out: path,
      kind,
      ...(args.family && { family: args.family }),
      written: !isDry,
      ...(drive && { drive }),
      ...(manifest && { manifest, chip: args.chip }),
      fileBytes: file.length,
      address: slot.address,
      bytes: image.whole.bytes.length,
      slot: layoutOf(slot),
      state: "stored",
      sequence: image.sequence,
      counter: image.counter,
      blobBytes: blob.length,
      trailerBytes: trailer.length,
      sha256: Buffer.from(image.sha256).toString("hex"),
    }),
    () => [
      ...format(
        `${nameOf(args.model)} → ${outName(path)}`,
        isDry,
        file.length,
        slot,
        image,
        blob.length,
        trailer.length,
      ),
      ...(manifest && !isDry ? [`manifest ${manifest}`] : []),
      ...(drive === "drive gone" ? ["", "The drive is gone: a board that has all it waits for restarts."] : []),
    ],
  );
}

/** The slot as a device's layout has it (assembly/update/FORMAT.md). */
function layoutOf({ address, eraseBytes, ...slot }: Slot) {
  return {
    log: address,
    body: address + eraseBytes,
    sectorBytes: eraseBytes,
    bodyBytes: roomOf({ address, eraseBytes, ...slot }),
  };
}

function format(
  what: string,
  isDry: boolean,
  fileBytes: number,
  slot: Slot,
  { whole, counter, sequence, sha256 }: SlotImage,
  blobBytes: number,
  trailerBytes: number,
): string[] {
  const { log, body, bodyBytes, sectorBytes } = layoutOf(slot);
  const signed = trailerBytes > 0 ? ` and ${trailerBytes} of signature` : "";
  const units = whole.bytes.length / sectorBytes;
  return [
    `${what}: ${formatCount(fileBytes)} bytes${isDry ? ", not written (--dry-run)" : ""}`,
    "",
    `flash    ${hex(whole.address)} … ${hex(whole.address + whole.bytes.length)}: ${units} erase units of ${formatCount(sectorBytes)} bytes`,
    `log      ${hex(log)}: stored, sequence ${sequence}, counter ${counter}`,
    `model    ${hex(body)}: ${formatCount(blobBytes)} bytes${signed}; the slot has room for ${formatCount(bodyBytes)}`,
    `sha256   ${Buffer.from(sha256).toString("hex")}`,
  ];
}
