import { expect, it } from "vitest";
import wabt from "wabt";
import { EngineError, type EngineFailure } from "../../host/base/errors.ts";
import type { Engine, Imports, InstantiateOptions } from "../../host/engines/engine.ts";
import { COMPILERS, describeEngines, ENGINES, type Row } from "../engines.ts";

const { parseWat } = await wabt();

/** A module with the memory that ours have, and what is given. */
function assemble(functions: string, memory = `(memory (export "memory") 0)`): Uint8Array {
  const module = parseWat("test.wat", `(module ${memory} ${functions})`);
  const { buffer } = module.toBinary({});
  module.destroy();
  return buffer;
}

const WEIGHTS_READ = `(import "board" "weights_read" (func $weights_read (param i32 i32 i32) (result i32)))`;

const ADD = assemble(`(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))`);

const MEMORY = assemble(`
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))`);

const READER = assemble(
  `(func (export "read") (param i32 i32 i32) (result i32)
     (call $weights_read (local.get 0) (local.get 1) (local.get 2)))`,
  `${WEIGHTS_READ} (memory (export "memory") 0)`,
);

const TRAPS = assemble(`
  (func (export "fine") (result i32) (i32.const 7))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "unreachable") unreachable)
  (func $recurse (export "recurse") (param i32) (result i32) (i32.add (i32.const 1) (call $recurse (local.get 0))))
  (func (export "spin") (loop (br 0)))
  (func (export "count") (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (i32.const 0))`);

const NO_WEIGHTS: Imports = { weights_read: () => 1 };

function options(memoryBytes: number, more: Partial<InstantiateOptions> = {}): InstantiateOptions {
  return { memoryBytes, imports: NO_WEIGHTS, ...more };
}

/** What `run` fails with. */
async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("did not fail");
}

async function expectFailure(kind: EngineFailure, message: RegExp | string, run: () => unknown): Promise<void> {
  const error = await failure(run);
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ kind, message: expect.stringMatching(message) });
}

describeEngines("engine", suite, { ...ENGINES, ...COMPILERS });

function suite(engine: Engine, { countsFuel, limitsMemory }: Row): void {
  it("has a name and a version", () => {
    expect(engine.version).toMatch(/^\d+/);
  });

  it.each([
    [3, 4, 7],
    [0x7fffffff, 1, -0x80000000],
    [0xffffffff, 0, -1], // addresses past 2 GiB come as they are
  ])("calls an export: %i + %i = %i", async (a, b, sum) => {
    const instance = await engine.instantiate(ADD, options(0));
    expect(instance.call("add", a, b)).toBe(sum);
    instance.dispose();
  });

  it.each([
    [0, 0],
    [1, 1],
    [65535, 1],
    [65536, 1],
    [65537, 2],
  ])("gives %i bytes as %i pages", async (bytes, pages) => {
    const instance = await engine.instantiate(MEMORY, options(bytes));
    expect(instance.memory().length).toBe(pages * 65536);
    instance.dispose();
  });

  it("shares memory with the module, both ways, also after it grows", async () => {
    const instance = await engine.instantiate(MEMORY, options(2 * 65536));
    const memory = instance.memory();
    expect(memory.every((byte) => byte === 0)).toBe(true);
    memory[70_000] = 200;
    expect(instance.call("load", 70_000)).toBe(200);
    expect(instance.call("store", 70_001, 0x1ff)).toBe(0); // no result counts as 0
    expect(instance.memory()[70_001]).toBe(255);
    if (!limitsMemory) {
      expect(instance.call("grow", 1)).toBe(2);
      expect(instance.memory().length).toBe(3 * 65536);
      expect(instance.memory()[70_000]).toBe(200);
    }
    instance.dispose();
  });

  it("keeps memory within what WebAssembly has", async () => {
    const instance = await engine.instantiate(MEMORY, options(65536));
    expect(instance.call("grow", 65536)).toBe(-1);
    if (limitsMemory) expect(instance.call("grow", 1)).toBe(-1);
    instance.dispose();
    await expectFailure("memory", "4295032832 bytes", () => engine.instantiate(MEMORY, options(65537 * 65536)));
    const two = assemble("", `(memory (export "memory") 2)`);
    await expectFailure("memory", "", () => engine.instantiate(two, options(65536)));
    const twice = assemble("", `(memory (export "memory") 0) (memory 1)`);
    if (limitsMemory) await expectFailure("memory", "", () => engine.instantiate(twice, options(65536)));
    const atMostOne = assemble("", `(memory (export "memory") 0 1)`);
    await expectFailure("memory", "131072 bytes", () => engine.instantiate(atMostOne, options(2 * 65536)));
  });

  it("lets the import read and write memory", async () => {
    const flash = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
    const calls: number[][] = [];
    const imports: Imports = {
      weights_read(memory, destination, offset, bytes) {
        calls.push([destination, offset, bytes]);
        if (offset + bytes > flash.length) return 9;
        memory.set(flash.subarray(offset, offset + bytes), destination);
        return 0;
      },
    };
    const instance = await engine.instantiate(READER, options(65536, { imports }));
    expect(instance.call("read", 65_530, 10, 6)).toBe(0);
    expect([...instance.memory().subarray(65_528)]).toEqual([0, 0, 245, 244, 243, 242, 241, 240]);
    expect(instance.call("read", 0, 255, 2)).toBe(9);
    expect(instance.call("read", -1, -2, -3)).toBe(9); // the import sees addresses and offsets unsigned
    expect(calls.at(-1)).toEqual([0xffffffff, 0xfffffffe, 0xfffffffd]);
    instance.dispose();
  });

  it("lets what the import throws through, and lives on", async () => {
    const unplugged = new RangeError("the flash is gone");
    let working = false;
    const imports: Imports = {
      weights_read() {
        if (working) return 0;
        throw unplugged;
      },
    };
    const instance = await engine.instantiate(READER, options(65536, { imports }));
    expect(await failure(() => instance.call("read", 0, 0, 0))).toBe(unplugged);
    working = true;
    expect(instance.call("read", 0, 0, 0)).toBe(0);
    instance.dispose();
  });

  it("lets the import call into another instance", async () => {
    const adder = await engine.instantiate(ADD, options(0));
    const imports: Imports = { weights_read: (_memory, a, b, c) => adder.call("add", a, b) + c };
    const reader = await engine.instantiate(READER, options(0, { imports }));
    expect(reader.call("read", 1, 2, 3)).toBe(6);
    reader.dispose();
    adder.dispose();
  });

  it.each(Object.entries(ENGINES))(
    "survives a trap that %s has while the import runs",
    async (_, { engine: inner }) => {
      if (typeof inner === "string") return;
      const trapping = await inner.instantiate(TRAPS, options(0));
      const imports: Imports = {
        weights_read() {
          expect(() => trapping.call("load", 0)).toThrow(/out of bounds/);
          return 5;
        },
      };
      const reader = await engine.instantiate(READER, options(0, { imports }));
      expect(reader.call("read", 0, 0, 0)).toBe(5);
      expect(reader.call("read", 0, 0, 0)).toBe(5);
      reader.dispose();
      trapping.dispose();
    },
  );

  it.each<[string, number[], RegExp]>([
    ["load", [65_533], /out of bounds/],
    ["load", [-4], /out of bounds/],
    ["divide", [1, 0], /div.* by zero/],
    ["divide", [-0x80000000, -1], /div.*unrepresentable|overflow/],
    ["unreachable", [], /unreachable/],
    ["recurse", [1], /call stack/],
  ])("reports that %s(%j) trapped, and a fresh instance works", async (name, args, message) => {
    const instance = await engine.instantiate(TRAPS, options(65536));
    await expectFailure("trap", message, () => instance.call(name, ...args));
    await expectFailure("trap", `^"${name}"`, () => instance.call(name, ...args));
    instance.dispose();
    const fresh = await engine.instantiate(TRAPS, options(65536));
    expect(fresh.call("fine")).toBe(7);
    fresh.dispose();
  });

  const itCounts = countsFuel ? it : () => {}; // no test at all where the engine cannot count
  itCounts("ends a call that is out of fuel; each call has its own", async () => {
    const instance = await engine.instantiate(TRAPS, options(0, { fuel: 10_000 }));
    await expectFailure("fuel", "spin.*fuel", () => instance.call("spin"));
    instance.dispose();
    const fresh = await engine.instantiate(TRAPS, options(0, { fuel: 10_000 }));
    for (let i = 0; i < 10; i++) expect(fresh.call("count", 1000)).toBe(0);
    await expectFailure("fuel", "count.*fuel", () => fresh.call("count", 10_000));
    fresh.dispose();
  });

  it.each<[string, Uint8Array]>([
    ["no bytes", new Uint8Array(0)],
    ["not WebAssembly", new TextEncoder().encode("not WebAssembly")],
    ["a cut module", ADD.subarray(0, ADD.length - 1)],
    ["a body that does not validate", ADD.with(ADD.length - 2, 0x6b + 0x10)],
    ["no memory", assemble("", "")],
    ["an import that we lack", assemble("", `(import "board" "fly" (func)) (memory (export "memory") 0)`)],
    ["an import module that we lack", assemble("", `(import "sky" "fly" (func)) (memory (export "memory") 0)`)],
  ])("refuses %s", async (_, wasm) => {
    await expectFailure("compile", "", () => engine.instantiate(wasm, options(65536)));
    const instance = await engine.instantiate(ADD, options(0));
    expect(instance.call("add", 1, 2)).toBe(3);
    instance.dispose();
  });

  it("reports a start function that traps", async () => {
    const wasm = assemble("(func $start unreachable) (start $start)");
    await expectFailure("trap", "unreachable", () => engine.instantiate(wasm, options(0)));
  });

  it("refuses exports that are not there, and arguments that do not fit", async () => {
    const instance = await engine.instantiate(ADD, options(0));
    await expectFailure("compile", '"subtract"', () => instance.call("subtract", 1, 2));
    await expectFailure("compile", '"memory"', () => instance.call("memory"));
    await expectFailure("compile", "1 arguments, expected 2", () => instance.call("add", 1));
    instance.dispose();
  });

  it("refuses to run what is disposed", async () => {
    const instance = await engine.instantiate(ADD, options(65536));
    instance.dispose();
    instance.dispose();
    await expectFailure("state", "disposed", () => instance.call("add", 1, 2));
    await expectFailure("state", "disposed", () => instance.memory());
  });

  it("frees what it takes: 1000 instances", async () => {
    async function run(count: number): Promise<number> {
      for (let i = 0; i < count; i++) {
        const instance = await engine.instantiate(READER, options(1 << 18));
        instance.memory().fill(1); // 1000 of these are 256 MiB
        expect(instance.call("read", 1, 2, 3)).toBe(1);
        instance.dispose();
      }
      return process.memoryUsage.rss();
    }
    const before = await run(100);
    const growth = (await run(1000)) - before;
    expect(growth).toBeLessThan(128 << 20);
  });
}
