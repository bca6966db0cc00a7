import v8 from "node:v8";
import vm from "node:vm";
import { expect, it } from "vitest";
import { convert } from "../../host/convert.ts";
import type { Engine, Instance } from "../../host/engines/engine.ts";
import { load } from "../../host/run/session.ts";
import { chooseVariant } from "../../host/run/variant.ts";
import { DIGITS } from "../digits.ts";
import { describeEngines } from "../engines.ts";
import { MODULE } from "../sessions.ts";

// A server loads models for months. `npm run test:loads` loads 18,000 times, and `npm test` a share of it.
const LOADS = Number(process.env.TERN_LOADS ?? 240);
/** Allocators grow by leaps at times; what is left behind is left in every round. */
const ROUNDS = 3;
/** The first loads compile the module and fill caches. */
const WARM_UP = 60;

/** Bytes per load that engines keep of their own accord; an instance left behind takes 50 KB and more. */
const MAX_KEPT = 3000;
const NOISE = 1e6;

v8.setFlagsFromString("--expose-gc");
const collectGarbage: () => void = vm.runInNewContext("gc");

const { blob } = await convert(DIGITS, { maxRows: 8 });

describeEngines("load", (engine) => {
  it("leaves nothing behind, as often as it is called", { timeout: 600_000 }, async () => {
    async function after(loads: number) {
      for (let i = 0; i < loads; i++) {
        const session = await load({ module: MODULE.slice(), blob: blob.slice(), engine });
        session.run(new Uint8Array(256));
        session.dispose();
      }
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 50)); // finalizers free what lies outside the heap
      collectGarbage();
      const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
      return { heap: heapUsed + external, outside: rss - heapTotal };
    }
    let before = await after(WARM_UP);
    const grown = { heap: Number.POSITIVE_INFINITY, outside: Number.POSITIVE_INFINITY };
    for (let round = 0; round < ROUNDS; round++) {
      const now = await after(LOADS / ROUNDS);
      grown.heap = Math.min(grown.heap, now.heap - before.heap);
      grown.outside = Math.min(grown.outside, now.outside - before.outside);
      before = now;
    }
    const most = NOISE + (LOADS / ROUNDS) * MAX_KEPT;
    expect(grown.heap).toBeLessThan(most);
    expect(grown.outside).toBeLessThan(most);
  });

  it.each(["features", "plan", "open", "invoke", "no call"])("frees what it took where %s fails", async (failing) => {
    const { counted, alive } = countingEngine(engine, failing);
    const options = { module: MODULE, blob, engine: counted };
    if (["features", "plan", "open"].includes(failing)) await expect(load(options)).rejects.toThrow("it fails");
    else {
      const session = await load(options);
      expect(alive()).toBe(1);
      if (failing === "invoke") expect(() => session.run(new Uint8Array(256))).toThrow("it fails");
      session.dispose();
    }
    expect(alive()).toBe(0);
    const chosen = chooseVariant(counted, { scalar: MODULE });
    await (failing === "no call" ? chosen : expect(chosen).rejects.toThrow("it fails"));
    expect(alive()).toBe(0);
  });
});

/** The engine, where one function of a module throws, and how many of its instances are not disposed of. */
function countingEngine(engine: Engine, failing: string): { counted: Engine; alive: () => number } {
  const instances = new Set<Instance>();
  const counted: Engine = {
    ...engine,
    async instantiate(wasm, options) {
      const instance = await engine.instantiate(wasm, options);
      instances.add(instance);
      return {
        memory: () => instance.memory(),
        call(name, ...args) {
          if (name === failing) throw new Error("it fails");
          return instance.call(name, ...args);
        },
        dispose() {
          instances.delete(instance);
          instance.dispose();
        },
      };
    },
  };
  return { counted, alive: () => instances.size };
}
