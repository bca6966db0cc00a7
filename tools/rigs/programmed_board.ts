import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Board } from "../../host/firmware/boards.ts";
import { type Device, openDevice } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";

/** An emulated board whose flash is written while it runs, as a programmer at its debug port would: thousands of blobs, one start. */
export interface ProgrammedBoard {
  device: Device;
  /** Puts a blob into its part of flash; what lay behind it is erased to ones. */
  program(blob: Uint8Array): Promise<void>;
  close(): void;
}

/** QEMU's gdb server takes packets of 4,096 characters. */
const PACKET_BYTES = 1024;

/** Starts a firmware whose blob section is erased. `options` are further ones of QEMU's command line. */
export async function startProgrammed(
  board: Board,
  elf: string,
  options: readonly string[] = [],
): Promise<ProgrammedBoard> {
  const folder = mkdtempSync(join(tmpdir(), "tern-gdb-"));
  const path = join(folder, "gdb");
  const gdb = ["-gdb", `unix:${path},server=on,wait=off`];
  const port = await startEmulator(board, elf, new Uint8Array(64).fill(255), [...gdb, ...options]);
  const socket = connect(path);
  const close = () => {
    socket.destroy();
    port.close();
    rmSync(folder, { recursive: true });
  };
  try {
    await once(socket, "connect"); // which stops the core
    await ask(socket, packet("c"));
  } catch (error) {
    close();
    throw error;
  }
  let content = new Uint8Array(64).fill(255);
  return {
    device: openDevice(port),
    async program(blob) {
      const next = new Uint8Array(Math.max(blob.length, content.length)).fill(255);
      next.set(blob);
      await stop(socket);
      for (let at = 0; at < next.length; at += PACKET_BYTES) {
        const bytes = next.subarray(at, at + PACKET_BYTES);
        if (Buffer.compare(bytes, content.subarray(at, at + PACKET_BYTES)) === 0) continue;
        const address = (board.blob.address + at).toString(16);
        await ask(
          socket,
          packet(`M${address},${bytes.length.toString(16)}:${Buffer.from(bytes).toString("hex")}`),
          "OK",
        );
      }
      await ask(socket, packet("c"));
      content = next;
    },
    close,
  };
}

function packet(text: string): string {
  const sum = Buffer.from(text).reduce((total, byte) => total + byte, 0) & 255;
  return `$${text}#${sum.toString(16).padStart(2, "0")}`;
}

/** Sends to gdb's server and waits for a packet that begins so, which it acknowledges; for the acknowledgement alone if nothing is said. */
async function ask(socket: Socket, text: string, answer?: string, ms = 20_000): Promise<void> {
  const pattern = answer === undefined ? /\+/ : /\$([^#]*)#../;
  const signal = AbortSignal.timeout(ms);
  socket.write(text);
  let found: RegExpExecArray | null = null;
  for (let received = ""; !found; found = pattern.exec(received)) {
    const [data] = (await once(socket, "data", { signal })) as [Buffer];
    received += data.toString("latin1");
  }
  if (answer === undefined) return;
  socket.write("+");
  if (!found[1]!.startsWith(answer)) throw new Error(`gdb's server answers ${found[1]} to ${text.slice(0, 40)}`);
}

/** Stops the core; one that has stopped already says nothing of it unless it is asked. */
async function stop(socket: Socket): Promise<void> {
  await ask(socket, "\x03", "T", 1000).catch(() => ask(socket, packet("?"), "T"));
}
