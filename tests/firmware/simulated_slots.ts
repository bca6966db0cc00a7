import type { AsyncPort, Port } from "../../host/firmware/link/client.ts";
import { COMMAND, DEVICE_STATUS, payloadOf, SLOT_STATES } from "../../host/firmware/link/protocol.ts";
import type { Layout } from "../../host/firmware/slots/layout.ts";
import { Device, layoutOf } from "../update/device.ts";
import { NorFlash } from "../update/flash.ts";
import { headerOf } from "../update/image.ts";
import { infoOf, speakingDevice } from "./simulated.ts";

export const BOARD = "simulated";
export const MEMORY_BYTES = 65_536;

const NONE = 2 ** 32 - 1;

/** A device that keeps models in slots, as device.c does: update.wasm on a simulated flash, and in place of the module that runs models what `isRight` says of one. */
export class SlottedDevice {
  readonly flash: NorFlash;
  readonly layout: Layout;
  readonly update: Device;
  readonly port: Port;
  /** What a self-test finds. */
  isRight: (model: Uint8Array) => boolean = () => true;
  abiVersion = 2;
  features = [NONE, NONE, NONE, NONE];

  constructor(sectorBytes = 256, unitBytes = 8, slots: 1 | 2 = 2) {
    const { layout, regions } = layoutOf({
      ...{ unitBytes, erased: 0xff, recordSectorBytes: 256, sectorBytes, slots },
      sectors: Math.ceil(4096 / sectorBytes),
    });
    this.flash = new NorFlash(unitBytes, 0xff, regions);
    this.layout = layout;
    this.update = new Device(this.flash, layout);
    this.port = speakingDevice((command, payload) => this.#execute(command, payload));
    this.powerUp();
  }

  powerUp(): void {
    this.update.start();
    while (this.#isOnTrial()) {
      if (this.isRight(this.model!)) this.update.confirm();
      else this.update.revert();
    }
  }

  /** The model that runs. */
  get model(): Uint8Array | undefined {
    const { active } = this.update;
    return active < 0 ? undefined : this.#look(active, this.update.slot(active).bytes!);
  }

  #look(slot: number, bytes: number): Uint8Array {
    return this.flash.look(this.layout.slots[slot]!.body, bytes);
  }

  #isOnTrial(): boolean {
    return this.update.active >= 0 && this.update.slot(this.update.active).state === "trying";
  }

  #execute(command: number, payload: Uint8Array): Uint8Array | number {
    const view = new DataView(payload.buffer, payload.byteOffset);
    const word = (index: number) => view.getUint32(4 * index, true);
    const { update } = this;
    const running = update.active < 0 ? undefined : update.active;
    // what runs is never written to
    this.flash.kept =
      running === undefined || this.layout.slots.length < 2
        ? []
        : [
            [
              this.layout.slots[running]!.body,
              this.layout.slots[running]!.body + this.layout.slots[running]!.bodyBytes,
            ],
          ];
    const answer = (status: number, words: number[] = []) => status || payloadOf(words.map((value) => value >>> 0));
    switch (command) {
      case COMMAND.info:
        return infoOf({ memoryBytes: MEMORY_BYTES, board: BOARD });
      case COMMAND.slots:
        return this.#slots();
      case COMMAND.begin: {
        const [counter, bytes, trailerBytes] = [word(1), word(2), word(3)];
        return answer(update.begin(word(0), { counter, bytes, trailerBytes, sha256: payload.slice(16) }));
      }
      case COMMAND.block:
        return answer(update.block(word(0), payload.slice(4)));
      case COMMAND.checksum: {
        const crc = update.checksum(word(0), word(1));
        return crc === undefined ? 90 : payloadOf([crc]);
      }
      case COMMAND.finish:
        return answer(update.finish());
      case COMMAND.try:
        return this.#isOnTrial() ? 85 : answer(update.start(), [update.active]);
      case COMMAND.confirm:
        return answer(update.confirm());
      case COMMAND.revert:
        return answer(update.revert(), [update.active]);
      case COMMAND.dump:
        return this.#look(word(0), word(1) + word(2)).slice(word(1));
      case COMMAND.open:
        return running === undefined ? DEVICE_STATUS.noBlob : payloadOf([1000, MEMORY_BYTES]);
      case COMMAND.selfTest:
        return payloadOf([2, this.isRight(this.model!) ? 0 : 1]);
      default:
        return DEVICE_STATUS.badRequest;
    }
  }

  #slots(): Uint8Array {
    const { update, layout } = this;
    const parts = layout.slots.map(({ sectorBytes, bodyBytes }, number) => {
      const { state, sequence, ...statement } = update.slot(number);
      const model = { data: new Uint8Array(0), statement: statement as Required<typeof statement> };
      const header = state === "empty" ? new Uint8Array(64) : headerOf(model, sequence!);
      return payloadOf([SLOT_STATES.indexOf(state), sectorBytes, bodyBytes], header);
    });
    const words = [
      parts.length,
      update.active >>> 0,
      update.counter,
      layout.unitBytes,
      this.abiVersion,
      ...this.features,
    ];
    return payloadOf(words, Uint8Array.from(parts.flatMap((part) => [...part])));
  }
}

/** A port for who awaits. */
export function asAsync(port: Port): AsyncPort {
  return {
    write: async (bytes) => port.write(bytes),
    read: async (ms) => port.read(ms),
    close: () => port.close(),
  };
}
