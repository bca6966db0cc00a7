/** What the exports return; README.md has the table. */
export enum Status {
  Ok = 0,
  BadLayout = 80,
  BadSlot = 81,
  TooLarge = 82,
  Downgrade = 83,
  FastForward = 84,
  OnTrial = 85,
  NotReceiving = 86,
  BadRange = 87,
  BadHash = 88,
  WriteFailed = 89,
  Unreadable = 90,
  NoModel = 91,
  NoFallback = 92,
}
