import { expect } from "vitest";
import { crc32 } from "../../host/base/crc32.ts";
import { layoutWords } from "../../host/firmware/slots/layout.ts";
import { Random } from "../graph/random.ts";
import { Device, type Geometry, layoutOf, STATUS } from "./device.ts";
import { CUTS, type Cut, NorFlash, POWER_CUT } from "./flash.ts";
import { headerOf, markOf } from "./image.ts";
import { deliver, install, type Model, modelOf, send, transfer, withCounter } from "./model.ts";

// What the module owes a host, call by call; each throws where it is not so. plants.test.ts runs them on modules with bugs as well.

const SMALL: Geometry = { unitBytes: 8, erased: 0xff, recordSectorBytes: 256, sectorBytes: 256, sectors: 3 };

type Make = (geometry?: Partial<Geometry>) => Device;

export const DUTIES: Record<string, (make: Make) => void> = {
  "a model that came with a wrong byte is not stored, and can be repaired": (make) => {
    const device = make();
    const model = modelOf(1, 700, 0);
    const wrong = { ...model, data: model.data.map((byte, i) => (i === 300 ? byte ^ 1 : byte)) };
    deliver(device, wrong);
    expect(device.finish()).toBe(STATUS.BadHash);
    expect(device.slot(0).state).toBe("receiving");
    send(device, 0, model);
    expect(device.finish()).toBe(STATUS.Ok);
    expect(device.slot(0).state).toBe("stored");
  },

  "a slot that runs, and one that there is not, is refused": (make) => {
    const device = make();
    const { statement } = modelOf(1, 700, 0);
    expect([-1, 2, 3].map((slot) => device.begin(slot, statement))).toEqual(Array(3).fill(STATUS.BadSlot));
    install(device, modelOf(2, 700, 0));
    expect(device.begin(device.active, statement)).toBe(STATUS.BadSlot);
    expect(device.slot(device.active).state).toBe("confirmed");
  },

  "nothing begins before a start": (make) => {
    const device = make();
    const { flash, layout } = device;
    const [fresh, { statement }] = [new Device(flash, layout, device.module), modelOf(1, 700, 0)];
    expect(fresh.begin(0, statement)).toBe(STATUS.BadSlot);
    expect(fresh.block(0, new Uint8Array(8))).toBe(STATUS.NotReceiving);
    expect([fresh.finish(), fresh.confirm(), fresh.revert()]).toEqual([
      STATUS.NotReceiving,
      STATUS.NoModel,
      STATUS.NoModel,
    ]);
    expect(fresh.check(0)).toBe(STATUS.BadSlot);
    expect(fresh.active).toBe(-1);
  },

  "nothing begins during a trial, which would cost the model to go back to": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 0));
    transfer(device, modelOf(2, 700, 0));
    expect(device.start()).toBe(STATUS.Ok);
    expect(device.slot(device.active).state).toBe("trying");
    for (const slot of [0, 1]) expect(device.begin(slot, modelOf(3, 700, 0).statement)).not.toBe(STATUS.Ok);
    expect(device.begin(device.active ^ 1, modelOf(3, 700, 0).statement)).toBe(STATUS.OnTrial);
    expect(device.confirm()).toBe(STATUS.Ok);
    expect(device.begin(device.active ^ 1, modelOf(3, 700, 0).statement)).toBe(STATUS.Ok);
  },

  "models that no slot has room for are refused before anything is erased": (make) => {
    const device = make();
    const { statement } = modelOf(1, 700, 0);
    const sizes = [
      [0, 0],
      [0, 5],
      [769, 0],
      [768, 1],
      [700, 69],
      [1, 0xffffffff],
      [0xffffffff, 1],
      [0xffffffff, 0xffffffff],
    ] as const;
    const { operations } = device.flash;
    for (const [bytes, trailerBytes] of sizes) {
      expect(device.begin(0, { ...statement, bytes, trailerBytes })).toBe(STATUS.TooLarge);
    }
    expect(device.flash.operations).toBe(operations);
    for (const model of [modelOf(1, 768, 0), modelOf(2, 700, 0, 68), modelOf(3, 1, 0)]) install(device, model);
  },

  "the counter is never gone below, nor far beyond; a device that has none takes any": (make) => {
    const device = make();
    const begins = (counter: number) => device.begin(device.active === 0 ? 1 : 0, modelOf(1, 700, counter).statement);
    expect(begins(0xffffffff)).toBe(STATUS.Ok);
    install(device, modelOf(1, 700, 5000));
    expect(device.counter).toBe(5000);
    const { operations } = device.flash;
    expect([0, 4999].map(begins)).toEqual([STATUS.Downgrade, STATUS.Downgrade]);
    expect([5000 + 1025, 0xffffffff].map(begins)).toEqual([STATUS.FastForward, STATUS.FastForward]);
    expect(device.flash.operations).toBe(operations);
    expect([5000, 5001, 5000 + 1024].map(begins)).toEqual([STATUS.Ok, STATUS.Ok, STATUS.Ok]);
    expect(device.counter).toBe(5000); // none was confirmed
    install(device, modelOf(2, 700, 6024));
    expect(device.counter).toBe(6024);
  },

  "the counter's step is bounded for stored images as well": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 10));
    storeImage(device, 1, modelOf(2, 700, 10 + 1025), 2);
    expect(device.start()).toBe(STATUS.Ok);
    expect(device.active).toBe(0);
    expect(device.slot(1).state).toBe("stored");
  },

  "a counter of 0 is one": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 0));
    expect(device.begin(1, modelOf(2, 700, 1025).statement)).toBe(STATUS.FastForward);
    device.flash.disturb(device.layout.slots[0]!.log, 1); // the header says nothing any more, the journal does
    expect(device.start()).toBe(STATUS.Ok);
    expect(device.begin(1, modelOf(2, 700, 1025).statement)).toBe(STATUS.FastForward);
  },

  "the counter outlives the model that it came with": (make) => {
    const device = make({ slots: 1 });
    install(device, modelOf(1, 700, 5));
    expect(device.begin(0, modelOf(2, 700, 6).statement)).toBe(STATUS.Ok); // erases the only model
    expect(device.start()).toBe(STATUS.Ok);
    expect([device.active, device.counter]).toEqual([-1, 5]);
    expect(device.begin(0, modelOf(3, 700, 4).statement)).toBe(STATUS.Downgrade);
  },

  "a cut while the counter is raised leaves a counter in its journal": (make) => {
    const device = make();
    const { flash, layout } = device;
    const records = layout.logBytes / 32;
    for (let counter = 1; counter <= records; counter++) install(device, modelOf(counter, 700, counter));
    transfer(device, modelOf(records + 1, 700, records + 1));
    const saved = flash.save();
    const confirmAfter = (at?: number, cut?: Cut) => {
      flash.restore(saved);
      expect(device.start()).toBe(STATUS.Ok);
      flash.powerUp(at, cut);
      return device.confirm();
    };
    expect(confirmAfter()).toBe(STATUS.Ok);
    const { operations } = flash;
    for (let at = 0; at < operations; at++) {
      for (const cut of CUTS) {
        expect(() => confirmAfter(at, cut)).toThrow(POWER_CUT);
        flash.powerUp();
        for (const { log } of layout.slots) flash.disturb(log, 1); // no header tells it
        expect(device.start()).toBe(STATUS.Ok);
        expect(device.counter).toBeGreaterThanOrEqual(records);
      }
    }
  },

  "five hundred models, one after the other, each with a greater counter": (make) => {
    const device = make({ unitBytes: 32 });
    for (let number = 1; number <= 500; number++) {
      install(device, modelOf(number, 300, number));
      expect(device.start()).toBe(STATUS.Ok);
      const { state, sequence, counter } = device.slot(device.active);
      expect([state, sequence, counter, device.counter]).toEqual(["confirmed", number, number, number]);
    }
  },

  "to confirm again changes nothing": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    const { operations } = device.flash;
    for (let i = 0; i < 20; i++) expect(device.confirm()).toBe(STATUS.Ok);
    expect(device.flash.operations).toBe(operations);
  },

  "a model that was not confirmed has had its start": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    transfer(device, modelOf(2, 700, 1));
    expect(device.active).toBe(0); // until the next start
    expect(device.start()).toBe(STATUS.Ok);
    expect([device.active, device.slot(1).state]).toEqual([1, "trying"]);
    for (let i = 0; i < 3; i++) {
      expect(device.start()).toBe(STATUS.Ok);
      expect(device.active).toBe(0);
    }
  },

  "revert gives up a model on trial at once": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    transfer(device, modelOf(2, 700, 1));
    expect([device.start(), device.active, device.revert(), device.active]).toEqual([STATUS.Ok, 1, STATUS.Ok, 0]);
    expect(device.slot(1).state).toBe("retired");
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
  },

  "revert gives up a confirmed model for the one before, and no further": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 1));
    expect([device.active, device.revert(), device.active]).toEqual([1, STATUS.Ok, 0]);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    const { operations } = device.flash;
    expect(device.revert()).toBe(STATUS.NoFallback); // a retired model does not come back
    expect([device.active, device.flash.operations]).toEqual([0, operations]);
    install(device, modelOf(3, 700, 1));
    expect(device.active).toBe(1);
  },

  "revert never goes below the counter, nor to a model that was not confirmed or is not whole": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 2));
    expect(device.revert()).toBe(STATUS.NoFallback);
    install(device, modelOf(3, 700, 2));
    const saved = device.flash.save();
    device.flash.disturb(device.layout.slots[1]!.body, 1);
    expect(device.revert()).toBe(STATUS.NoFallback);
    device.flash.restore(saved);
    transfer(device, modelOf(4, 700, 2));
    expect(device.revert()).toBe(STATUS.NoFallback); // stored is not confirmed
    expect([device.start(), device.revert(), device.active]).toEqual([STATUS.Ok, STATUS.Ok, 0]);
  },

  "with one slot, what is not confirmed leaves none, and the next one replaces it": (make) => {
    const device = make({ slots: 1 });
    install(device, modelOf(1, 700, 1));
    expect([device.active, device.revert()]).toEqual([0, STATUS.NoFallback]);
    transfer(device, modelOf(2, 700, 1), 0);
    expect(device.active).toBe(-1); // from `begin` on
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    expect(device.begin(0, modelOf(3, 700, 1).statement)).toBe(STATUS.OnTrial);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, -1]);
    install(device, modelOf(3, 700, 1));
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
  },

  "blocks go on, or begin with any sector, again too; nothing else is written": (make) => {
    const device = make();
    const model = modelOf(1, 700, 0, 7);
    const at = (offset: number, bytes: number) => device.block(offset, model.data.subarray(offset, offset + bytes));
    expect(device.begin(0, model.statement)).toBe(STATUS.Ok);
    const { operations } = device.flash;
    const refused = [
      [8, 8],
      [128, 8],
      [264, 8],
      [0, 7],
      [0, 12],
      [704, 16],
      [708, 0],
      [0, 712],
    ] as const;
    expect(refused.map(([offset, bytes]) => device.block(offset, new Uint8Array(bytes)))).toEqual(
      refused.map(() => STATUS.BadRange),
    );
    expect([device.block(0xffffffff, new Uint8Array(8)), device.block(0xfffffff8, new Uint8Array(8))]).toEqual([
      STATUS.BadRange,
      STATUS.BadRange,
    ]);
    expect(device.flash.operations).toBe(operations);
    const taken = [
      [512, 195],
      [256, 256],
      [0, 8],
      [8, 16],
      [0, 200],
      [200, 200],
      [0, 256],
      [512, 8],
      [520, 187],
    ] as const;
    for (const [offset, bytes] of taken) expect(at(offset, bytes)).toBe(STATUS.Ok);
    expect(at(512, 195)).toBe(STATUS.Ok);
    expect(device.finish()).toBe(STATUS.BadHash); // 200 bytes of sector 1 alone
    send(device, 0, model);
    expect(device.finish()).toBe(STATUS.Ok);
    expect(device.block(0, model.data.subarray(0, 256))).toBe(STATUS.NotReceiving);
  },

  "a whole model in one block": (make) => {
    for (const unitBytes of [1, 2, 4, 8, 16, 32]) {
      const device = make({ unitBytes });
      const model = modelOf(1, 700, 0, 7);
      expect(device.begin(1, model.statement)).toBe(STATUS.Ok);
      expect(device.block(0, model.data)).toBe(STATUS.Ok);
      expect(device.finish()).toBe(STATUS.Ok);
      const { body, bodyBytes } = device.layout.slots[1]!;
      const erased = new Uint8Array(bodyBytes).fill(0xff);
      erased.set(model.data);
      expect(device.flash.look(body, bodyBytes)).toEqual(erased);
    }
  },

  "a checksum tells what is stored, of the slot that receives": (make) => {
    const device = make();
    const model = modelOf(1, 700, 0, 7);
    expect(device.begin(0, model.statement)).toBe(STATUS.Ok);
    expect(device.block(0, model.data)).toBe(STATUS.Ok);
    for (const [offset, bytes] of [
      [0, 707],
      [0, 0],
      [256, 256],
      [3, 61],
      [700, 7],
    ] as const) {
      expect(device.checksum(offset, bytes)).toBe(crc32(model.data.subarray(offset, offset + bytes)));
    }
    expect(() => device.checksum(0, 708)).toThrow(`${STATUS.BadRange}`);
    expect(() => device.checksum(0xffffffff, 2)).toThrow(`${STATUS.BadRange}`);
  },

  "a transfer goes on after a reset, and sends no sector again that is stored": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 0));
    const model = modelOf(2, 700, 0);
    expect(device.begin(1, model.statement)).toBe(STATUS.Ok);
    expect(device.block(0, model.data.subarray(0, 520))).toBe(STATUS.Ok);
    expect(device.start()).toBe(STATUS.Ok);
    const { operations } = device.flash;
    expect(device.begin(1, model.statement)).toBe(STATUS.Ok);
    expect(device.flash.operations).toBe(operations);
    expect(device.block(520, model.data.subarray(520, 528))).toBe(STATUS.BadRange); // nobody knows where it ended
    send(device, 1, model);
    expect(device.flash.operations).toBe(operations + 1 + Math.ceil((700 - 512) / 8));
    expect(device.finish()).toBe(STATUS.Ok);
  },

  "another statement begins anew": (make) => {
    const device = make();
    const model = modelOf(1, 700, 0);
    deliver(device, model);
    for (const statement of [
      { ...model.statement, counter: 1 },
      { ...model.statement, bytes: 699 },
      { ...model.statement, trailerBytes: 1 },
      { ...model.statement, sha256: model.statement.sha256.map((byte, i) => (i === 31 ? byte ^ 1 : byte)) },
    ]) {
      expect(device.begin(0, statement)).toBe(STATUS.Ok);
      expect(device.checksum(0, 256)).toBe(crc32(new Uint8Array(256).fill(0xff)));
    }
  },

  "a model that was damaged does not run; the other does, if the counter admits it": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 1));
    device.flash.disturb(device.layout.slots[1]!.body + 300, 0x10);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    expect([device.check(0), device.check(1), device.slot(1).state]).toEqual([STATUS.Ok, STATUS.BadHash, "confirmed"]);
    install(device, modelOf(3, 700, 2));
    expect(device.active).toBe(1);
    device.flash.disturb(device.layout.slots[1]!.body + 300, 0x10);
    expect([device.start(), device.active, device.counter]).toEqual([STATUS.Ok, -1, 2]); // slot 0 has 1
    install(device, modelOf(4, 700, 2));
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
  },

  "any bit of a header or a mark that changes is noticed, and the other slot stays": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 1));
    const { log } = device.layout.slots[1]!;
    const confirmed = log + 64 + 64;
    const places = [...Array(60).keys()].map((at) => log + at).concat([...Array(8).keys()].map((at) => confirmed + at));
    const saved = device.flash.save();
    for (const place of places) {
      for (let bit = 0; bit < 8; bit++) {
        device.flash.restore(saved);
        device.flash.disturb(place, 1 << bit);
        expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
        expect(device.counter).toBe(1);
      }
    }
  },

  "marks of another header mean nothing, should an erase have left them": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 1));
    const { log } = device.layout.slots[0]!;
    device.flash.fault = (address, was, becomes) =>
      address >= log + 64 && address < log + 64 + 96 && becomes === 0xff ? was : becomes;
    const model = modelOf(3, 700, 1);
    expect(device.begin(0, model.statement)).toBe(STATUS.Ok);
    expect(device.slot(0).state).toBe("receiving");
    expect(device.block(0, model.data)).toBe(STATUS.Ok);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 1]);
  },

  "a mark that no cell takes is reported": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    const { log } = device.layout.slots[1]!;
    const good = new Set<number>(); // the cells that take what they are given
    device.flash.fault = (address, was, becomes) => {
      const cell = Math.floor((address - log - 64) / 32);
      return cell >= 0 && cell < 6 && !good.has(cell) && becomes !== 0xff ? was & (becomes | 4) : becomes;
    };
    const model = modelOf(2, 700, 1);
    deliver(device, model);
    expect(device.finish()).toBe(STATUS.WriteFailed);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    for (const cell of [2, 4]) good.add(cell);
    deliver(device, model);
    expect(device.finish()).toBe(STATUS.Ok);
    expect([device.start(), device.active, device.slot(1).state]).toEqual([STATUS.Ok, 1, "trying"]);
    expect(device.confirm()).toBe(STATUS.WriteFailed);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    good.add(5);
    install(device, model);
    expect([device.start(), device.active]).toEqual([STATUS.Ok, 1]);
  },

  "a unit that does not take its bytes is reported at once": (make) => {
    for (const stuck of [0x00, 0xff]) {
      const device = make();
      const model = modelOf(1, 700, 0);
      const place = device.layout.slots[0]!.body + 300;
      device.flash.fault = (address, _, becomes) => (address === place ? stuck : becomes);
      expect(device.begin(0, model.statement)).toBe(STATUS.Ok);
      expect(device.block(0, model.data)).toBe(STATUS.WriteFailed);
      expect(device.block(512, model.data.subarray(512))).toBe(STATUS.Ok);
      expect(device.finish()).toBe(STATUS.BadHash);
      install(device, withCounter(model, 1), 1);
      expect([device.start(), device.active]).toEqual([STATUS.Ok, 1]);
    }
  },

  "flash that fails aloud is reported, and the model that runs stays": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    const [{ flash, layout }, model] = [device, modelOf(2, 700, 1)];
    const { log, body } = layout.slots[1]!;
    const saved = flash.save();
    const fails = { [log]: "begin", [body]: "begin", [body + 256]: "block" };
    for (const [place, call] of Object.entries(fails)) {
      flash.restore(saved);
      flash.broken = new Set([Number(place)]);
      expect(device.start()).toBe(STATUS.Ok);
      const begun = device.begin(1, model.statement);
      expect(call === "begin" ? begun : device.block(0, model.data)).toBe(STATUS.WriteFailed);
      expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    }
    flash.restore(saved);
    flash.broken = new Set(layout.counter);
    install(device, modelOf(3, 700, 1)); // needs no other record
    transfer(device, modelOf(4, 700, 2));
    expect(device.start()).toBe(STATUS.Ok);
    expect(device.confirm()).toBe(STATUS.WriteFailed); // the mark is written, the counter is not
    expect([device.start(), device.active, device.counter]).toEqual([STATUS.Ok, 0, 2]);
    expect(device.begin(1, modelOf(5, 700, 2).statement)).toBe(STATUS.WriteFailed); // or the counter would be lost
    flash.broken = new Set();
    install(device, modelOf(5, 700, 2));
  },

  "what cannot be read is no model, no record, and no reason to stop": (make) => {
    const device = make();
    install(device, modelOf(1, 700, 1));
    install(device, modelOf(2, 700, 1));
    const [{ flash, layout }, [, second]] = [device, device.layout.slots];
    const read = flash.read.bind(flash);
    const hide = (place: number) => {
      flash.read = (memory, to, address, bytes) =>
        (place < address || place >= address + bytes) && read(memory, to, address, bytes);
    };
    for (const place of [second!.log, second!.log + 128, second!.body, second!.body + 699]) {
      hide(place);
      expect([device.start(), device.active]).toEqual([STATUS.Ok, 0]);
    }
    expect(device.check(1)).toBe(STATUS.Unreadable);
    hide(layout.counter[0]);
    expect([device.start(), device.active, device.counter]).toEqual([STATUS.Ok, 1, 1]);
    deliver(device, modelOf(3, 700, 1));
    hide(layout.slots[0]!.body);
    expect(device.checksum(0, 8)).toBeUndefined();
    expect(device.finish()).toBe(STATUS.Unreadable);
  },

  "any bytes in flash are no model, and an update replaces them": (make) => {
    for (let seed = 0; seed < 50; seed++) {
      const random = new Random(seed);
      const device = make({ unitBytes: random.pick([1, 8, 32]), erased: random.pick([0, 0xff]) });
      device.flash.fill(() => random.int(0, 255));
      expect([device.start(), device.active, device.counter]).toEqual([STATUS.Ok, -1, 0]);
      install(device, modelOf(seed, 700, 1));
      expect([device.start(), device.active, device.counter]).toEqual([STATUS.Ok, 0, 1]);
    }
  },

  "a stored image runs on trial at the next start": (make) => {
    for (const slot of [0, 1]) {
      const device = make();
      storeImage(device, slot, modelOf(1, 700, 3, 7), 1);
      expect([device.start(), device.active, device.slot(slot).state]).toEqual([STATUS.Ok, slot, "trying"]);
      expect([device.confirm(), device.counter]).toEqual([STATUS.Ok, 3]);
    }
  },

  "headers of another format, or of more than the slot holds, are none": (make) => {
    const model = modelOf(1, 700, 3);
    const changes: [string, number, number][] = [
      ["magic", 0, 0x544f4c54],
      ["version", 4, 2],
      ["bytes", 16, 0],
      ["bytes", 16, 769],
      ["trailerBytes", 20, 69],
      ["trailerBytes", 20, 0xffffffff],
    ];
    for (const [name, at, word] of changes) {
      const device = make();
      const header = headerOf(model, 1);
      const view = new DataView(header.buffer);
      view.setUint32(at, word, true);
      view.setUint32(56, crc32(header.subarray(0, 56)), true);
      storeImage(device, 0, model, 1, header);
      expect([name, device.start(), device.active, device.slot(0).state]).toEqual([name, STATUS.Ok, -1, "empty"]);
    }
  },

  "layouts that no flash has are refused": (make) => {
    const device = make();
    const { layout } = device;
    const words = layoutWords(layout);
    const bad: [number, number][] = [
      ...[0, 3, 64, 0xffffffff].map((unit): [number, number] => [0, unit]),
      ...[1, 0xfe, 0x100, 0xffffffff].map((erased): [number, number] => [1, erased]),
      ...[0, 224, 255, 257, 1056, 0xffffffff].map((bytes): [number, number] => [2, bytes]),
      ...[0, 128, 300, 2 ** 19].map((sector): [number, number] => [7, sector]),
      ...[0, 255, 700].map((bytes): [number, number] => [8, bytes]),
      ...[128, 512].map((sector): [number, number] => [11, sector]),
      [6, layout.slots[0]!.body + 8],
      [10, layout.slots[1]!.body + 128],
    ];
    for (const [word, value] of bad) {
      expect([word, value, device.startWith(words.map((was, i) => (i === word ? value : was)))]).toEqual([
        word,
        value,
        STATUS.BadLayout,
      ]);
      expect([device.active, device.begin(0, modelOf(1, 700, 0).statement)]).toEqual([-1, STATUS.BadSlot]);
    }
    expect(device.startWith(words, 508)).toBe(STATUS.BadLayout); // among the module's own bytes
    expect(device.startWith(words)).toBe(STATUS.Ok);
  },
};

/** Puts a model into flash as FORMAT.md says, in state stored. */
function storeImage(
  { flash, layout }: Device,
  slot: number,
  model: Model,
  sequence: number,
  header = headerOf(model, sequence),
): void {
  const { log, body } = layout.slots[slot]!;
  for (const [address, bytes] of [
    [log, header],
    [log + 64, markOf(header, "stored")],
    [body, model.data],
  ] as const) {
    const units = new Uint8Array(Math.ceil(bytes.length / flash.unitBytes) * flash.unitBytes).fill(flash.erased);
    units.set(bytes);
    flash.program(address, units);
  }
}

/** Devices for duties: with nothing in their flash, and started. */
export function makerOf(module?: WebAssembly.Module): Make {
  return (geometry) => {
    const all = { ...SMALL, ...geometry };
    const { layout, regions } = layoutOf(all);
    const device = new Device(new NorFlash(all.unitBytes, all.erased, regions), layout, module);
    expect(device.start()).toBe(STATUS.Ok);
    return device;
  };
}
