import { createHash } from "node:crypto";
import { constants, inflateSync } from "node:zlib";
import type { WebSerialPort } from "../../../host/flash/esp/loader.ts";

// A chip in its boot loader, and the flasher that is loaded into its RAM, after Espressif's "Serial Protocol":
// https://docs.espressif.com/projects/esptool/en/latest/esp32c3/advanced-topics/serial-protocol.html

const [END, ESC, ESC_END, ESC_ESC] = [0xc0, 0xdb, 0xdc, 0xdd];
const OP = {
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeRegister: 0x09,
  readRegister: 0x0a,
  deflateBegin: 0x10,
  deflateData: 0x11,
  deflateEnd: 0x12,
  md5: 0x13,
  security: 0x14,
  readFlash: 0xd2,
} as const;
/** Error of a command that is not known, or not well formed: "received message is invalid". */
const INVALID = 5;
const BAD_CHECKSUM = 7;
const CHIP_ID = 5; // of an ESP32-C3
const SECURE_DOWNLOAD = 1 << 2;

/** What happens to a command: it is answered, or the line goes dead with it. */
export type Fate = "answered" | "unplugged";

export interface ChipOptions {
  flash: Uint8Array;
  secureDownload?: boolean;
  /** The chip is not there, or runs its firmware whatever the lines say. */
  deaf?: boolean;
  fate?: (op: number) => Fate;
}

/** Blocks of a deflate stream on their way into flash. */
interface Transfer {
  address: number;
  bytes: number;
  packed: number[];
  written: number;
  /** Number of the block that is waited for. */
  next: number;
}

/** An ESP32-C3 on a serial port, with the transistors of a development board between DTR, RTS and its pins. */
export class Chip {
  readonly flash: Uint8Array;
  mode: "firmware" | "boot loader" | "flasher" = "firmware";
  /** Times that the firmware was started. */
  starts = 0;
  readonly #options: ChipOptions;
  readonly #registers = new Map<number, number>();
  #dtr = false;
  #rts = false;
  #send: (bytes: Uint8Array) => void = () => {};
  #end: () => void = () => {};
  #come: number[] = [];
  #isDead = false;
  #transfer: Transfer | undefined;
  #reading: { bytes: Uint8Array; block: number; window: number; sent: number; acked: number } | undefined;

  constructor(options: ChipOptions) {
    this.flash = options.flash;
    this.#options = options;
  }

  port(): WebSerialPort {
    const chip = this;
    let [readable, writable]: [WebSerialPort["readable"], WebSerialPort["writable"]] = [null, null];
    return {
      get readable() {
        return readable;
      },
      get writable() {
        return writable;
      },
      async open() {
        if (readable) throw new Error("is open already");
        readable = new ReadableStream({
          start(stream) {
            chip.#send = (bytes) => stream.enqueue(bytes);
            chip.#end = () => stream.close();
          },
          cancel() {
            chip.#send = () => {};
            chip.#end = () => {};
          },
        });
        writable = new WritableStream({ write: (bytes) => chip.#receive(bytes) });
      },
      async close() {
        if (!readable) return;
        chip.#end();
        [readable, writable] = [null, null];
      },
      async setSignals({ dataTerminalReady, requestToSend }) {
        if (chip.#isDead) throw new Error("unplugged");
        chip.#signal(dataTerminalReady ?? chip.#dtr, requestToSend ?? chip.#rts);
      },
      getInfo: () => ({}),
    };
  }

  /** EN is low while RTS is on alone, IO0 while DTR is; a chip that leaves its reset looks at IO0. */
  #signal(dtr: boolean, rts: boolean): void {
    const wasReset = this.#rts && !this.#dtr;
    [this.#dtr, this.#rts] = [dtr, rts];
    if (!wasReset || (rts && !dtr)) return;
    this.#transfer = undefined;
    this.mode = dtr && !rts && !this.#options.deaf ? "boot loader" : "firmware";
    if (this.mode === "firmware") this.starts++;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isDead) throw new Error("unplugged");
    if (this.mode === "firmware") return;
    for (const byte of bytes) {
      if (byte !== END) this.#come.push(byte);
      else if (this.#come.length > 0) {
        const frame = unescaped(this.#come);
        this.#come = [];
        if (this.#reading) this.#acknowledged(frame);
        else this.#command(frame);
      }
    }
  }

  #command(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset);
    const [direction, op, size, checksum] = [frame[0], frame[1]!, view.getUint16(2, true), view.getUint32(4, true)];
    const data = frame.subarray(8);
    const name = Object.entries(OP).find(([, code]) => code === op)?.[0];
    const fate = this.#options.fate?.(op) ?? "answered";
    if (fate === "unplugged") {
      this.#isDead = true;
      throw new Error("unplugged");
    }
    const isFormed = direction === 0 && size === data.length && name !== undefined;
    const isBlock = op === OP.memData || op === OP.deflateData;
    const isRight = !isBlock || checksum === data.subarray(16).reduce((sum, byte) => sum ^ byte, 0xef);
    const word = (index: number) => new DataView(data.buffer, data.byteOffset).getUint32(4 * index, true);
    if (!isFormed) this.#answer(op, { error: INVALID });
    else if (!isRight) this.#answer(op, { error: BAD_CHECKSUM });
    else this.#do[name as keyof typeof OP](data, word);
  }

  readonly #do: Record<keyof typeof OP, (data: Uint8Array, word: (index: number) => number) => void> = {
    sync: () => {
      for (let i = 0; i < 8; i++) this.#answer(OP.sync, { value: this.mode === "flasher" ? 0 : 0x20120707 });
    },
    security: () => {
      const data = new Uint8Array(20);
      const view = new DataView(data.buffer);
      view.setUint32(0, this.#options.secureDownload ? SECURE_DOWNLOAD : 0, true);
      view.setUint32(12, CHIP_ID, true);
      this.#answer(OP.security, { data });
    },
    readRegister: (_, word) => this.#answer(OP.readRegister, { value: this.#registers.get(word(0)) ?? 0 }),
    writeRegister: () => this.#answer(OP.writeRegister),
    memBegin: () => this.#answer(OP.memBegin),
    memData: () => this.#answer(OP.memData),
    memEnd: () => {
      this.#answer(OP.memEnd);
      this.mode = "flasher";
      this.#frame(Buffer.from("OHAI"));
    },
    deflateBegin: (_, word) => {
      this.#transfer = { address: word(3), bytes: word(0), packed: [], written: 0, next: 0 };
      this.#answer(OP.deflateBegin);
    },
    deflateData: (data, word) => {
      const transfer = this.#transfer!;
      if (word(1) === transfer.next) {
        transfer.packed.push(...data.subarray(16));
        transfer.next++;
        this.#program(transfer);
      }
      this.#answer(OP.deflateData);
    },
    deflateEnd: () => this.#answer(OP.deflateEnd),
    md5: (_, word) => {
      const digest = createHash("md5")
        .update(this.flash.subarray(word(0), word(0) + word(1)))
        .digest();
      this.#answer(OP.md5, { data: this.mode === "flasher" ? digest : Buffer.from(digest.toString("hex")) });
    },
    readFlash: (_, word) => {
      this.#answer(OP.readFlash);
      const bytes = this.flash.slice(word(0), word(0) + word(1));
      this.#reading = { bytes, block: word(2), window: word(3), sent: 0, acked: 0 };
      this.#sendMore();
    },
  };

  /** Erases the sectors of what has come, as far as it can be unpacked, and programs them. */
  #program(transfer: Transfer): void {
    const bytes = inflateSync(Uint8Array.from(transfer.packed), { finishFlush: constants.Z_SYNC_FLUSH });
    for (let at = transfer.written; at < bytes.length; at++) {
      if (at >= transfer.bytes) throw new Error("more bytes than were begun");
      const address = transfer.address + at;
      if (address % 4096 === 0) this.flash.fill(0xff, address, address + 4096);
      this.flash[address]! &= bytes[at]!;
    }
    transfer.written = bytes.length;
  }

  #acknowledged(frame: Uint8Array): void {
    this.#reading!.acked = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
    this.#sendMore();
  }

  #sendMore(): void {
    const reading = this.#reading!;
    const { bytes, block } = reading;
    while (reading.sent < bytes.length && reading.sent - reading.acked < reading.window * block) {
      const part = bytes.subarray(reading.sent, reading.sent + block);
      reading.sent += part.length;
      this.#frame(part);
    }
    if (reading.acked < bytes.length) return;
    this.#reading = undefined;
    this.#frame(createHash("md5").update(bytes).digest());
  }

  #answer(op: number, { value = 0, data = new Uint8Array(0) as Uint8Array, error = 0 } = {}): void {
    const status = this.mode === "flasher" ? 2 : 4;
    const frame = Buffer.alloc(8 + data.length + status);
    frame.set([1, op]);
    frame.writeUInt16LE(data.length + status, 2);
    frame.writeUInt32LE(value, 4);
    frame.set(data, 8);
    frame.set([error === 0 ? 0 : 1, error], 8 + data.length);
    this.#frame(frame);
  }

  #frame(bytes: Uint8Array): void {
    const escaped = Array.from(bytes, (byte) =>
      byte === END ? [ESC, ESC_END] : byte === ESC ? [ESC, ESC_ESC] : [byte],
    );
    this.#send(Uint8Array.from([END, ...escaped.flat(), END]));
  }
}

function unescaped(bytes: readonly number[]): Uint8Array {
  const found: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== ESC) found.push(bytes[i]!);
    else found.push(bytes[++i] === ESC_END ? END : ESC);
  }
  return Uint8Array.from(found);
}
