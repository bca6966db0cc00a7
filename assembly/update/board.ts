/** What the firmware gives: its flash, by addresses of its own. Each returns 0, or any other number when it has failed. README.md says what they promise. */

/** Copies `bytes` bytes of flash to `destination` in memory. */
export declare function flash_read(destination: usize, address: u32, bytes: u32): i32;
/** Programs `bytes` bytes, whole units, of which none was programmed since its sector was erased. */
export declare function flash_program(address: u32, from: usize, bytes: u32): i32;
/** Erases the sector that begins at `address`. */
export declare function flash_erase(address: u32): i32;
