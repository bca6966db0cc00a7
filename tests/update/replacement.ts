import { Random } from "../graph/random.ts";
import { type Device, STATUS } from "./device.ts";
import { type Cut, POWER_CUT } from "./flash.ts";
import { deliver, expectOk, type Model, Refusal } from "./model.ts";
import type { Scenario } from "./scenarios.ts";

/** In which operation after power came it is cut again, and how. */
export interface PowerCut {
  at: number;
  cut: Cut;
}

/** A device is not as it has to be. */
export class Broken extends Error {}

/**
 * Replaces the model of a scenario while power is cut, again and again until the cuts are used up, and judges the device by its flash at every start. What a
 * start may find follows from the calls that came before it:
 *
 * - the old model runs, whole, until the last call of a transfer (`finish`) has begun;
 * - from then on the new one may run, whole, on trial; it has one start, after which the old one runs;
 * - from when `confirm` has begun the new one may run for good, and after it has returned nothing else does;
 * - the device's counter is that of the model that was confirmed last;
 * - no sector of the old model is written to before the new one is confirmed.
 *
 * With one slot the old model is lost where the new one begins, and none runs in its place.
 */
export class Replacement {
  /** Operations of flash that were needed, at each time that power was there. */
  readonly operations: number[] = [];
  #hasBegun = false;
  #hasFinished = false;
  #wasTried = false;
  #mayBeConfirmed = false;
  #isConfirmed = false;
  #cuts = 0;

  readonly scenario: Scenario;
  #hesitates: boolean;

  /** Where it hesitates, a new model's first start is followed by another before it is confirmed, once. */
  constructor(scenario: Scenario, hesitates = false) {
    this.scenario = scenario;
    this.#hesitates = hesitates;
  }

  /** Runs it; what cuts leave to chance follows from a seed. */
  run(cuts: readonly PowerCut[], seed = 1): void {
    const { flash } = this.scenario.device;
    flash.random = new Random(seed);
    flash.restore(this.scenario.saved);
    this.#keepOld();
    for (const { at, cut } of [...cuts, { at: Number.POSITIVE_INFINITY, cut: "before" as const }]) {
      flash.powerUp(at, cut);
      try {
        this.#session();
        if (at === Number.POSITIVE_INFINITY) break;
      } catch (error) {
        if (error !== POWER_CUT) throw error;
        this.#cuts++;
      } finally {
        this.operations.push(flash.operations);
      }
    }
    if (!this.#isConfirmed) throw new Broken("the new model was not confirmed");
  }

  /** From power-up to a new model that is confirmed, and found by one more start. */
  #session(): void {
    const { device, next } = this.scenario;
    // cells that cuts have spoiled can make one attempt fail; the next finds a log that was erased
    let hasFailed = false;
    while (!this.#isConfirmed) {
      try {
        let found = this.#start();
        if (this.#isConfirmed) break;
        if (found !== next) {
          this.#hasBegun = true;
          deliver(device, next);
          this.#hasFinished = true;
          expectOk("finish", device.finish());
          found = this.#start();
          if (found !== next) throw new Broken("the new model was stored, and does not run");
        }
        if (this.#hesitates) {
          this.#hesitates = false;
          continue;
        }
        this.#mayBeConfirmed = true;
        expectOk("confirm", device.confirm());
        this.#isConfirmed = true;
        const { operations } = device.flash;
        expectOk("confirm again", device.confirm());
        if (device.flash.operations !== operations) throw new Broken("to confirm again writes again");
      } catch (error) {
        const isSpoiled = error instanceof Refusal && error.status === STATUS.WriteFailed && this.#cuts > 0;
        if (!isSpoiled || hasFailed) throw error;
        hasFailed = true;
      }
    }
    if (this.#start() !== next) throw new Broken("the confirmed model does not run");
  }

  /** Starts the device, and says which model runs. Throws where it is none that may. */
  #start(): Model | undefined {
    const { device, old, next, counter } = this.scenario;
    expectOk("start", device.start());
    const { active } = device;
    const state = active < 0 ? undefined : device.slot(active).state;
    const found = active < 0 ? undefined : [old, next].find((model) => model && this.#holds(active, model));
    if (active >= 0 && !found)
      throw new Broken(`slot ${active} runs, ${state}, which is neither the old nor the new model`);
    if (found === next && state === "confirmed" && this.#mayBeConfirmed) this.#isConfirmed = true;
    if (found === next) this.#judgeNext(state);
    else this.#judgeOld(found);
    const expected = this.#isConfirmed ? next.statement.counter : counter;
    if (device.counter !== expected) throw new Broken(`the counter is ${device.counter}, expected ${expected}`);
    if (this.#isConfirmed) device.flash.kept = regionsOf(device, active);
    return found;
  }

  #judgeNext(state: string | undefined): void {
    if (this.#isConfirmed) {
      if (state !== "confirmed") throw new Broken(`the new model was confirmed and is ${state}`);
      return;
    }
    if (!this.#hasFinished) throw new Broken("the new model runs before it was stored");
    if (state !== "trying") throw new Broken(`the new model is ${state}, expected that it is on trial`);
    if (this.#wasTried) throw new Broken("the new model runs again, though it was tried and not confirmed");
    this.#wasTried = true;
  }

  #judgeOld(found: Model | undefined): void {
    const mayBeLost = this.#hasBegun && this.scenario.device.layout.slots.length === 1;
    if (found !== this.scenario.old && !(mayBeLost && !found)) throw new Broken("no model runs, expected the old one");
    if (this.#isConfirmed) throw new Broken("the new model was confirmed, and the old one runs");
    this.#hasFinished = this.#wasTried = this.#mayBeConfirmed = false; // what comes is another attempt
  }

  /** Whether a slot's flash has all bytes of a model. */
  #holds(slot: number, { data }: Model): boolean {
    const { flash, layout } = this.scenario.device;
    return Buffer.compare(data, flash.look(layout.slots[slot]!.body, data.length)) === 0;
  }

  #keepOld(): void {
    const { device, old } = this.scenario;
    const slot = device.layout.slots.findIndex((_, i) => old && this.#holds(i, old));
    device.flash.kept = slot < 0 || device.layout.slots.length === 1 ? [] : regionsOf(device, slot);
  }
}

/** What the log and the model of a slot take, by address and end. */
function regionsOf({ layout }: Device, slot: number): [number, number][] {
  const { log, body, bodyBytes } = layout.slots[slot]!;
  return [
    [log, log + layout.logBytes],
    [body, body + bodyBytes],
  ];
}
