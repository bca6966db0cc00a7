/** Status codes of the update module (assembly/update/README.md), from 80 on: what each means and what to do about it, for people. */
export const UPDATE_STATUSES = [
  [
    "BadLayout",
    "the firmware's layout of slots is none",
    "correct `slots` in the board's file, and make the firmware again",
  ],
  [
    "BadSlot",
    "there is no such slot, its model runs, or it holds none",
    "`npx littletern slots` lists slots; a model is written to the one that does not run",
  ],
  [
    "TooLarge",
    "the slot has no room for the model and its trailer",
    "`npx littletern slots` says how much room there is; give the board's file larger slots",
  ],
  [
    "Downgrade",
    "the model's counter is below the device's: it would bring back a model that was replaced for good",
    "sign the model with a greater `--counter`",
  ],
  [
    "FastForward",
    "the model's counter is more than 1,024 beyond the device's",
    "sign the model with a counter that is nearer to the device's, which `npx littletern slots` says",
  ],
  ["OnTrial", "a model is on trial", "reset the device, or `npx littletern rollback` it"],
  [
    "NotReceiving",
    "no transfer has begun since the device started",
    "flash the model again: what was stored is not sent again",
  ],
  [
    "BadRange",
    "the model does not have such bytes, or a block does not go on where the last one ended",
    "flash the model again",
  ],
  [
    "BadHash",
    "flash does not hold the model that was announced",
    "flash the model again: what came out wrong is sent again",
  ],
  ["WriteFailed", "flash did not take what was written", "flash the model again; if it stays, the flash is worn"],
  ["Unreadable", "flash could not be read", "flash the model again; if it stays, the flash is damaged"],
  ["NoModel", "no model runs", "flash one"],
  ["NoFallback", "the other slot has no model to go back to", "flash the model that is wanted"],
] as const;

/** Status of the first of them. */
export const FIRST_UPDATE_STATUS = 80;

export type UpdateStatus = (typeof UPDATE_STATUSES)[number][0];

/** Their numbers, by name. */
export const UPDATE_STATUS = Object.fromEntries(
  UPDATE_STATUSES.map(([name], i) => [name, FIRST_UPDATE_STATUS + i]),
) as Record<UpdateStatus, number>;

/** "BadHash: flash does not hold …", for a status of the update module. */
export function updateStatusText(status: number): string | undefined {
  const known = UPDATE_STATUSES[status - FIRST_UPDATE_STATUS];
  return known && `${known[0]}: ${known[1]}`;
}
