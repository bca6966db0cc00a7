/**
 * Copies `bytes` bytes of the blob, from `offset`, to `destination` in memory. Returns 0, or any other number when it cannot.
 * Called only when the weights are streamed.
 */
export declare function weights_read(destination: usize, offset: u32, bytes: u32): i32;
