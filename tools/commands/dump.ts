import { createHash } from "node:crypto";
import { defineCommand } from "citty";
import { UpdateError } from "../../host/base/errors.ts";
import { MAX_BYTES_AT_ONCE } from "../../host/base/limits.ts";
import { writeFileAtomic } from "../files/outputs.ts";
import { outName, takeStdout } from "../files/stdio.ts";
import { withSlots } from "../flash/device.ts";
import { JSON_ARG } from "../options/json.ts";
import { numberOption, UsageError } from "../options/usage.ts";
import { printResult } from "../terminal/print.ts";
import { formatCount } from "../terminal/table.ts";
import { DEVICE_TARGET } from "./slots.ts";

export const EXAMPLE = "dump device:virt@board.flash -o model.tern";

export default defineCommand({
  meta: { name: "dump", description: "Read a model, and its signature, back from a device" },
  args: {
    device: DEVICE_TARGET,
    out: { type: "string", alias: "o", required: true, valueHint: "model.tern", description: "File to write" },
    slot: { type: "string", valueHint: "N", description: "Of this slot, else the one that runs" },
    ...JSON_ARG,
  },
  async run({ args }) {
    const asked = numberOption("slot", args.slot);
    takeStdout(args.out);
    await withSlots(args.device, async (device, { info, slots }) => {
      const slot = asked ?? slots.active;
      if (slot === undefined) throw new UpdateError("refused", `${info.board}: no model runs`);
      if (slot >= slots.slots.length) throw new UsageError(`--slot ${slot}, expected one below ${slots.slots.length}`);
      const { header, bodyBytes, state } = slots.slots[slot]!;
      if (!header) throw new UpdateError("refused", `${info.board}: slot ${slot} is ${state}`);
      const bytes = header.bytes + header.trailerBytes;
      if (bytes > Math.min(bodyBytes, MAX_BYTES_AT_ONCE)) {
        throw new UpdateError("refused", `slot ${slot}: its header says ${bytes} bytes, it has room for ${bodyBytes}`);
      }
      const model = await device.dump(slot, 0, bytes);
      const sha256 = createHash("sha256").update(model.subarray(0, header.bytes)).digest("hex");
      const expected = Buffer.from(header.sha256).toString("hex");
      if (sha256 !== expected) {
        const what = `slot ${slot} is ${state} and does not hold its model: SHA-256 ${sha256}, expected ${expected}`;
        throw new UpdateError("refused", what);
      }
      await writeFileAtomic(args.out, model);
      printResult(
        args.json,
        () => ({ out: args.out, board: info.board, slot, bytes, trailerBytes: header.trailerBytes, sha256 }),
        () => [`${info.board}, slot ${slot} → ${outName(args.out)}: ${formatCount(bytes)} bytes`],
      );
    });
  },
});
