import { defineCommand } from "citty";
import { ESP_CHIPS, type EspChip } from "../../host/flash/esp/manifest.ts";
import { UF2_FAMILIES, type Uf2FamilyName } from "../../host/flash/uf2.ts";
import { DEVICE_FORM, flashDevice, isDevice } from "../flash/device.ts";
import { ESP_FORM, flashEsp, isEspPort } from "../flash/esp.ts";
import { FORM, flashImage } from "../flash/image.ts";
import { JSON_ARG } from "../options/json.ts";
import { UsageError } from "../options/usage.ts";

export const EXAMPLE = "flash model.tern --to uf2:model.uf2 --family rp2040 --address 0x10100000 --slot-size 0x40000";

/** What a device says by itself. */
const OF_IMAGES = ["address", "slot-size", "erase-unit", "erased", "family", "chip", "sequence"] as const;

export default defineCommand({
  meta: {
    name: "flash",
    description: "Put a blob into a slot of flash: of a device, or by an image for its programmer",
  },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert or sign writes it" },
    to: {
      type: "string",
      required: true,
      valueHint: "TARGET",
      description: `A device (${DEVICE_FORM}), an ESP chip (${ESP_FORM}), or an image to write: ${FORM}`,
    },
    address: {
      type: "string",
      valueHint: "A",
      description: "Where the slot begins, such as 0x10100000",
    },
    "slot-size": {
      type: "string",
      valueHint: "BYTES",
      description: "All of the slot, its log included",
    },
    "erase-unit": { type: "string", valueHint: "BYTES", description: "What flash erases at once, else the family's" },
    erased: { type: "enum", options: ["0xff", "0x00"], description: "An erased byte, else 0xff" },
    family: {
      type: "enum",
      options: Object.keys(UF2_FAMILIES) as Uf2FamilyName[],
      description: "Boards that take the uf2",
    },
    chip: {
      type: "enum",
      options: Object.keys(ESP_CHIPS) as EspChip[],
      description: "Of an esp file: what its manifest is for",
    },
    counter: {
      type: "string",
      valueHint: "N",
      description: "Devices that have a greater one refuse the model; else what is signed, or 0",
    },
    sequence: { type: "string", valueHint: "N", description: "Newer than the other slot's, else 1" },
    "dry-run": { type: "boolean", description: "Say what would be written, and write nothing" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const isEsp = isEspPort(args.to);
    if (!isEsp && !isDevice(args.to)) return flashImage(args);
    const other = OF_IMAGES.find((name) => args[name] !== undefined && !(isEsp && name === "sequence"));
    if (other !== undefined) throw new UsageError(`--to ${args.to}: --${other} is for images alone`);
    return isEsp ? flashEsp(args) : flashDevice(args);
  },
});
