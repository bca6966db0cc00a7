import { defineCommand } from "citty";
import { withSlots } from "../flash/device.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";
import { formatCount, formatTable } from "../terminal/table.ts";

export const EXAMPLE = "slots device:virt@board.flash";

export const DEVICE_TARGET = {
  type: "positional" as const,
  required: true as const,
  description: "Device: a serial port, or device:BOARD@FILE with the flash of an emulated one",
};

export default defineCommand({
  meta: { name: "slots", description: "List the slots of a device, and which model runs" },
  args: { device: DEVICE_TARGET, ...JSON_ARG },
  async run({ args }) {
    const { info, slots } = await withSlots(args.device, async (_, found) => found);
    const all = slots.slots.map(({ header, ...slot }, number) => ({
      slot: number,
      runs: number === slots.active,
      ...slot,
      ...(header && { ...header, sha256: Buffer.from(header.sha256).toString("hex") }),
    }));
    printResult(
      args.json,
      () => ({ board: info.board, runtime: info.runtime, counter: slots.counter, slots: all }),
      () => [
        `${info.board}, ${info.runtime}: ${slots.active === undefined ? "no model runs" : `slot ${slots.active} runs`}; counter ${slots.counter}`,
        "",
        ...formatTable(
          "rlrrrl",
          [
            ["slot", "state", "bytes", "room", "counter", "sha256"],
            ...all.map(({ slot, state, bytes, bodyBytes, counter, sha256 }) => [
              String(slot),
              state,
              bytes === undefined ? "" : formatCount(bytes),
              formatCount(bodyBytes),
              counter === undefined ? "" : String(counter),
              sha256?.slice(0, 16) ?? "",
            ]),
          ],
          { headed: true },
        ),
      ],
    );
  },
});
