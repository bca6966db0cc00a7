import type { Port } from "../../host/firmware/link/client.ts";

/** What can happen to a byte on a line. */
export const FAULTS = ["flipped", "lost", "doubled", "noise before", "cut off", "late", "frame twice"] as const;
export type Fault = (typeof FAULTS)[number];

/** Where it happens: a direction, and which byte of it, from the first one sent. */
export interface Place {
  fault: Fault;
  toDevice: boolean;
  byte: number;
}

/** A magic and a length that promises more than follows: the worst noise. */
const NOISE = [0x00, 0xd7, 0xd7, 0x54, 0x03, 0x00, 0x01, 0x00, 0xff, 0x00, 0x11];

/** What comes late comes at so many reads later, when the host has asked again. */
const LATE_READS = 2;

/** A port on a line that fails once, and how many bytes have passed in each direction. */
export function faultyPort(port: Port, place?: Place): Port & { passed: { toDevice: number; fromDevice: number } } {
  const passed = { toDevice: 0, fromDevice: 0 };
  let held: Uint8Array = new Uint8Array(0);
  let waits = 0; // since something was held back

  /** What arrives of `bytes`. What is late comes in front of the next bytes that are sent to the device, or read after a time-out. */
  function damage(bytes: Uint8Array, toDevice: boolean): Uint8Array {
    const first = toDevice ? passed.toDevice : passed.fromDevice;
    if (toDevice) passed.toDevice += bytes.length;
    else passed.fromDevice += bytes.length;
    const at = place && place.toDevice === toDevice ? place.byte - first : -1;
    if (!place || at < 0 || at >= bytes.length) return bytes;
    const [before, byte, after] = [bytes.subarray(0, at), bytes[at]!, bytes.subarray(at + 1)];
    switch (place.fault) {
      case "flipped":
        return Uint8Array.of(...before, byte ^ 0x10, ...after);
      case "lost":
        return Uint8Array.of(...before, ...after);
      case "doubled":
        return Uint8Array.of(...before, byte, byte, ...after);
      case "noise before":
        return Uint8Array.of(...before, ...NOISE, byte, ...after);
      case "cut off":
        return before.slice();
      case "frame twice":
        return Uint8Array.of(...bytes, ...bytes);
      case "late":
        held = bytes.slice(at);
        return before.slice();
    }
  }

  return {
    passed,
    write(bytes) {
      if (place?.toDevice && held.length > 0) port.write(take());
      port.write(damage(bytes, true));
    },
    read(ms) {
      if (!place?.toDevice && held.length > 0 && ++waits > LATE_READS) return take();
      return damage(port.read(ms), false);
    },
    close: () => port.close(),
  };

  function take(): Uint8Array {
    const bytes = held;
    held = new Uint8Array(0);
    return bytes;
  }
}
