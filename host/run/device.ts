import { EngineError, InputError } from "../base/errors.ts";
import { readBlob } from "../blob/read.ts";
import { type Device, openDevice, type Port } from "../firmware/link/client.ts";
import { statusText } from "../firmware/link/protocol.ts";
import type { Program } from "../program.ts";
import { elementBytes, elementCount, numberCount, rowStride } from "../shape.ts";
import { type Backend, decodeRow, encodeRow } from "./backend.ts";
import { Session } from "./session.ts";

export interface DeviceLoadOptions {
  /** The blob in the device's flash; the host reads in it what tensors and numbers mean. */
  blob: Uint8Array;
  /** Rows that run at a time, 1 if not given: a device has little memory. */
  maxRows?: number;
}

/** Opens the model in a device's flash. Throws EngineError where that is another one, or none, and as `openDevice` does; the port is closed then. */
export function loadDevice(port: Port, { blob, maxRows = 1 }: DeviceLoadOptions): Session {
  try {
    const program = readBlob(blob);
    if (!(Number.isInteger(maxRows) && maxRows >= 1 && maxRows <= program.maxRows)) {
      throw new InputError(`memory for ${maxRows} rows, expected 1 to ${program.maxRows}`);
    }
    const device = openDevice(port);
    const { blob: found, board, runtime } = device.info();
    if (found.status !== 0) throw new EngineError("status", `${board}: ${statusText(found.status)} (${found.status})`);
    const crc = new DataView(blob.buffer, blob.byteOffset).getUint32(4, true);
    if (found.bytes !== blob.length || found.crc !== crc) {
      const [theirs, ours] = [found.crc, crc].map((number) => number.toString(16).padStart(8, "0"));
      throw new EngineError(
        "version",
        `${board} holds another blob: ${found.bytes} bytes, checksum ${theirs}; expected ${blob.length}, ${ours}`,
      );
    }
    device.open(maxRows);
    return new Session(program, deviceBackend(program, device, `device:${board}:${runtime}`, maxRows));
  } catch (error) {
    port.close();
    throw error;
  }
}

/** The module on a device, with its model open. */
export function deviceBackend(program: Program, device: Device, name: string, maxRows: number): Backend {
  return {
    name,
    maxRows,
    write(index, elements, rows) {
      const tensor = program.tensors[index]!;
      const stride = rowStride(tensor);
      const bytes = new Uint8Array(stride * rows);
      for (let row = 0; row < rows; row++) {
        encodeRow(bytes.subarray(row * stride, (row + 1) * stride), tensor, elements, row * elementCount(tensor));
      }
      device.write(index, rows, 0, bytes);
    },
    read(index, rows, into = new Int32Array(rows * numberCount(program.tensors[index]!)), first = 0) {
      const tensor = program.tensors[index]!;
      const stride = rowStride(tensor);
      const bytes = device.read(index, rows, 0, stride * rows);
      for (let row = 0; row < rows; row++) {
        const slot = bytes.subarray(row * stride, row * stride + elementBytes(tensor));
        decodeRow(slot, tensor, into, first + row * numberCount(tensor));
      }
      return into;
    },
    invoke: (firstOp, endOp, rows) => device.invoke(firstOp, endOp, rows),
    dispose: () => device.close(),
  };
}
