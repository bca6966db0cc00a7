/** Slots for models in flash: see README.md. */
export { active, begin, block, check, checksum, confirm, counter, finish, revert, slot, start } from "./slots";
