import type { Port } from "../../host/firmware/link/client.ts";
import {
  COMMAND,
  DEVICE_STATUS,
  encodeFrame,
  type Frame,
  FrameReader,
  PROTOCOL_VERSION,
  payloadOf,
  REPLY,
} from "../../host/firmware/link/protocol.ts";

/**
 * A device in TypeScript, which follows PROTOCOL.md: whatever `execute` answers to a request, a status or a payload, once per
 * request.
 */
export function speakingDevice(execute: (command: number, payload: Uint8Array) => Uint8Array | number): Port {
  let out: number[] = [];
  let last: { request: string; reply: Frame } | undefined;
  const say = (frame: Frame) => out.push(...encodeFrame(frame));
  const reader = new FrameReader((sequence) => {
    say({ type: REPLY, status: DEVICE_STATUS.badFrame, sequence, payload: new Uint8Array(0) });
  });
  return {
    write(bytes) {
      for (const request of reader.add(bytes)) {
        const key = encodeFrame(request).join();
        if (last?.request !== key) {
          const result = execute(request.type, request.payload);
          const [status, payload] = typeof result === "number" ? [result, new Uint8Array(0)] : [0, result];
          last = { request: key, reply: { type: request.type | REPLY, status, sequence: request.sequence, payload } };
        }
        say(last.reply);
      }
    },
    read() {
      const bytes = Uint8Array.from(out);
      out = [];
      return bytes;
    },
    close: () => {},
  };
}

/** A device whose only tensor is 600 bytes, and whose `invoke` adds 1 to each of them, so that a request that takes effect twice shows. */
export function simulatedDevice(): Port & { executed: number[] } {
  const tensor = new Uint8Array(600);
  const executed: number[] = []; // commands, in order

  function execute(type: number, payload: Uint8Array): Uint8Array | number {
    const view = new DataView(payload.buffer, payload.byteOffset);
    const word = (index: number) => view.getUint32(4 * index, true);
    executed.push(type);
    if (type === COMMAND.info) return infoOf({});
    if (type === COMMAND.open) return payloadOf([600, 600]);
    if (type === COMMAND.write) tensor.set(payload.subarray(12), word(2));
    else if (type === COMMAND.invoke) for (let i = 0; i < tensor.length; i++) tensor[i]!++;
    else if (type === COMMAND.read) return tensor.slice(word(2), word(2) + word(3));
    else return DEVICE_STATUS.badRequest;
    return new Uint8Array(0);
  }
  return { executed, ...speakingDevice(execute) };
}

/** The payload of an answer to `info`. */
export function infoOf({ memoryBytes = 0, board = "" }): Uint8Array {
  const names = new Uint8Array(32);
  names.set(new TextEncoder().encode(board));
  return payloadOf([PROTOCOL_VERSION, 256, 0, 0, memoryBytes, 0, 0, 0, 0, 0, 0], names);
}
