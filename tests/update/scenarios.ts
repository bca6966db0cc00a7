import { Device, type Geometry, layoutOf } from "./device.ts";
import { NorFlash, type Saved } from "./flash.ts";
import { headerOf, markOf, record } from "./image.ts";
import { expectOk, install, type Model, modelOf, transfer, withCounter } from "./model.ts";

/** A device before an update: what runs in it, and what shall. */
export interface Scenario {
  geometry: Geometry;
  history: History;
  device: Device;
  saved: Saved;
  /** The model that runs, if one does, and the device's counter. */
  old: Model | undefined;
  counter: number;
  next: Model;
}

/** Makes models of a size that fits, each with a counter that is one greater. */
interface Making {
  device: Device;
  /** Models of the same size, by a number. */
  model(number: number, counter?: number): Model;
}

/** What may have been in a device before; returns the model that runs, and the one that shall. */
const HISTORIES = {
  "nothing was stored": ({ model }) => [undefined, model(1)],
  "one model runs": ({ device, model }) => {
    install(device, model(1));
    return [model(1), model(2)];
  },
  "an older model lies in the other slot": ({ device, model }) => {
    install(device, model(1));
    install(device, model(2));
    return [model(2), model(3)];
  },
  "the same model lies in the other slot": ({ device, model }) => {
    install(device, model(1));
    install(device, model(2));
    return [model(2), withCounter(model(1), 3)];
  },
  "a newer model was rejected": ({ device, model }) => {
    install(device, model(1));
    reject(device, model(2));
    return [model(1), model(3, 2)];
  },
  "the only model was rejected": ({ device, model }) => {
    reject(device, model(1));
    return [undefined, model(2, 1)];
  },
  "a newer model was retired": ({ device, model }) => {
    install(device, model(1));
    install(device, model(2, 1));
    expectOk("revert", device.revert());
    return [model(1), model(3, 2)];
  },
  "another model was begun": ({ device, model }) => {
    install(device, model(1));
    begin(device, model(2));
    return [model(1), model(3, 2)];
  },
  "this model was begun": ({ device, model }) => {
    install(device, model(1));
    begin(device, model(2));
    return [model(1), model(2)];
  },
  "this model was begun before the one that runs": ({ device, model }) => {
    begin(device, model(1), 0);
    transfer(device, model(2, 1), 1);
    expectOk("start", device.start());
    expectOk("confirm", device.confirm());
    return [model(2, 1), model(1)];
  },
  "another model was stored": ({ device, model }) => {
    install(device, model(1));
    transfer(device, model(2));
    return [model(1), model(3, 2)];
  },
  "a sector of the counter is full": ({ device, model }) => {
    const records = device.layout.logBytes / 32;
    for (let number = 1; number <= records; number++) install(device, model(number));
    return [model(records), model(records + 1)];
  },
  "both sectors of the counter are full": ({ device, model }) => {
    const records = device.layout.logBytes / 16;
    for (let number = 1; number <= records; number++) install(device, model(number));
    return [model(records), model(records + 1)];
  },
  "sequence numbers wrap": ({ device, model }) => {
    const { flash, layout } = device;
    const [old, header] = [model(1), headerOf(model(1), 0xffffffff)];
    const padded = (bytes: Uint8Array) => {
      const units = new Uint8Array(Math.ceil(bytes.length / flash.unitBytes) * flash.unitBytes).fill(flash.erased);
      units.set(bytes);
      return units;
    };
    flash.program(layout.slots[0]!.log, padded(header));
    flash.program(layout.slots[0]!.log + 64, padded(markOf(header, "confirmed")));
    flash.program(layout.slots[0]!.body, padded(old.data));
    flash.program(layout.counter[0], padded(record(old.statement.counter)));
    return [old, model(2)];
  },
} satisfies Record<string, (making: Making) => [Model | undefined, Model]>;

export type History = keyof typeof HISTORIES;
export const HISTORY_NAMES = Object.keys(HISTORIES) as History[];

/** Those that one slot can have had. */
export const ONE_SLOT_HISTORIES: History[] = [
  "nothing was stored",
  "one model runs",
  "the only model was rejected",
  "a sector of the counter is full",
  "sequence numbers wrap",
];

function reject(device: Device, model: Model): void {
  transfer(device, model);
  expectOk("start", device.start()); // on trial
  expectOk("start", device.start());
}

/** Begins a transfer and leaves it at the beginning of its second sector. */
function begin(device: Device, { data, statement }: Model, slot = 1): void {
  expectOk("begin", device.begin(slot, statement));
  const end = device.layout.slots[slot]!.sectorBytes + 128;
  for (let at = 0; at < end; at += 128) expectOk("block", device.block(at, data.subarray(at, at + 128)));
}

/**
 * A device of a geometry with a history. Its models end somewhere in the second sector of a slot or in the last, and have seven bytes of trailer behind them.
 */
export function scenarioOf(geometry: Geometry, history: History, module?: WebAssembly.Module): Scenario {
  const { layout, regions } = layoutOf(geometry);
  const flash = new NorFlash(geometry.unitBytes, geometry.erased, regions);
  flash.tornIsUnreadable = geometry.tornIsUnreadable ?? false;
  const device = new Device(flash, layout, module);
  const { bodyBytes, sectorBytes } = layout.slots[0]!;
  const bytes = Math.min(bodyBytes - 70, sectorBytes + 443);
  const model = (number: number, counter = number) => modelOf(number, bytes, counter, 7);
  expectOk("start", device.start());
  const [old, next] = HISTORIES[history]({ device, model });
  expectOk("start", device.start());
  return { geometry, history, device, saved: flash.save(), old, counter: device.counter, next };
}
