import { defineCommand } from "citty";
import { withSlots } from "../flash/device.ts";
import { JSON_ARG } from "../options/json.ts";
import { printResult } from "../terminal/print.ts";
import { DEVICE_TARGET } from "./slots.ts";

export const EXAMPLE = "rollback device:virt@board.flash";

export default defineCommand({
  meta: { name: "rollback", description: "Give up the model that a device runs for the one before" },
  args: { device: DEVICE_TARGET, ...JSON_ARG },
  async run({ args }) {
    await withSlots(args.device, async (device, { info, slots }) => {
      const now = await device.revert();
      printResult(
        args.json,
        () => ({ board: info.board, from: slots.active ?? null, slot: now ?? null }),
        () => [
          `${info.board}: slot ${slots.active} is given up; ${now === undefined ? "no model runs" : `slot ${now} runs`}`,
        ],
      );
    });
  },
});
