import { describe, expect, it } from "vitest";
import { STATUS } from "../../host/base/status.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { describeEngines } from "../engines.ts";
import { Random } from "../graph/random.ts";
import { moduleNamed } from "../variants.ts";
import { expectReference } from "./agree.ts";
import { machine, seal } from "./machine.ts";
import { elements, lookup, programOf, randomProgram, thresholds, weights } from "./programs.ts";

/** u8 → lookup → ternary in trit4, thresholds → ternary in trit4: what `core_ternary` has. */
function mlp(random: Random, [inputs, hidden, outputs]: number[], steps: number) {
  const records = Array.from({ length: hidden! }, () => {
    return { base: random.int(0, 3), up: Array.from({ length: steps }, () => random.int(-500, 500)), down: [] };
  });
  return programOf(
    [
      ["u8", inputs!],
      ["u8", inputs!],
      ["u8", hidden!],
      ["i32", outputs!],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post: lookup("u8", random) },
      {
        kind: "dense",
        inputs: [1],
        output: 2,
        dtype: "ternary",
        packing: "trit4",
        weights: weights("ternary", inputs! * hidden!, random),
        post: thresholds(...records),
      },
      {
        kind: "dense",
        inputs: [2],
        output: 3,
        dtype: "ternary",
        packing: "trit4",
        weights: weights("ternary", hidden! * outputs!, random),
      },
    ],
  );
}

describeEngines("trit4", (engine) => {
  describe.each(["core", "core_ternary"])("build/%s.wasm", (target) => {
    const tableBytes = 216 * 4;
    // and what a byte of weights that no writer makes reads behind them (kernels/core/trit4_code.ts)
    const entry = target === "core" ? 2 : 1; // of two rows, where there are convolutions
    const ownBytes = Math.ceil((7 + entry * (216 * 3 + 255 + 2)) / 16) * 16;
    const module = moduleNamed(target);

    it.each([
      [[1, 1, 1], 0],
      [[16, 4, 2], 1],
      [[17, 19, 10], 3],
      [[100, 33, 16], 15],
      [[64, 600, 3], 15], // two tiles
    ])("runs an MLP of %j with %i thresholds", async (sizes, steps) => {
      const random = new Random(sizes[0]!);
      const program = mlp(random, sizes, steps);
      await expectReference(program, engine, module, [
        [elements("u8", 3 * sizes[0]!, random)],
        [elements("u8", sizes[0]!, random)],
      ]);
    });

    it("keeps its own bytes to itself", async () => {
      const blob = writeBlob(mlp(new Random(1), [16, 4, 2], 1));
      const instance = await engine.instantiate(module, { memoryBytes: 8192, imports: { weights_read: () => 1 } });
      expect(instance.call("features", 4)).toBe(ownBytes);
      for (const [at, status] of [
        [ownBytes - 16, "BadMemory"],
        [ownBytes, "Ok"],
      ] as const) {
        instance.memory().set(blob, at);
        expect(STATUS[instance.call("open", at, blob.length, at + blob.length, 2048, 0, 1)]).toBe(status);
      }
      instance.memory().fill(0xa5, 0, ownBytes);
      instance.memory().fill(0x5a, 4096);
      expect(instance.call("invoke", 0, 3, 1)).toBe(0);
      expect(instance.memory().subarray(tableBytes, ownBytes), "behind the tables").toEqual(
        new Uint8Array(ownBytes - tableBytes).fill(0xa5),
      );
      instance.dispose();
    });
  });

  it("is read strip by strip, and records in blocks of 16 channels, into scratch of as many bytes", async () => {
    const program = mlp(new Random(1), [40, 20, 3], 15);
    const at = await machine(engine, moduleNamed("core"));
    at.flash = writeBlob(program);
    const headBytes = new DataView(at.flash.buffer).getUint32(28, true);
    at.memory().set(at.flash.subarray(0, headBytes), 16);
    const scratch = at.plan(16, headBytes, 1);
    const recordBytes = 4 + 4 * 15;
    const buffer = 16 * recordBytes; // more than a strip: 4 · 20
    expect(scratch).toBe(buffer + 64 + 4 * 20);
    const work = 16 + headBytes;
    expect(at.open(16, headBytes, work, program.arena.perRow + scratch, 1)).toBe(0);
    at.reads.length = 0;
    expect(at.invoke(1, 2, 1)).toBe(0);
    const weightsAt = headBytes + 256;
    const to = work + program.arena.perRow;
    expect(at.reads).toEqual([
      [to, weightsAt, 80],
      [to, weightsAt + 80, 80],
      [to, weightsAt + 160, 80],
      [to, weightsAt + 240, 16 * recordBytes],
      [to, weightsAt + 240 + 16 * recordBytes, 4 * recordBytes],
    ]);
  });

  it("says so where a read fails, whichever it is", async () => {
    const program = mlp(new Random(1), [40, 20, 3], 15);
    const at = await machine(engine, moduleNamed("core"));
    at.flash = writeBlob(program);
    const headBytes = new DataView(at.flash.buffer).getUint32(28, true);
    at.memory().set(at.flash.subarray(0, headBytes), 16);
    expect(at.open(16, headBytes, 16 + headBytes, 40_000, 1)).toBe(0);
    for (let read = 0; read < 5; read++) {
      at.reads.length = 0;
      at.failAt = read;
      expect(STATUS[at.invoke(1, 2, 1)]).toBe("ReadFailed");
    }
  });

  it("run any byte of weights to some number", async () => {
    const program = mlp(new Random(1), [16, 8, 4], 1);
    const module = moduleNamed("core");
    for (const byte of [0x01, 0x06, 0xd6, 0xd7, 0xff]) {
      const at = await machine(engine, module);
      const blob = writeBlob(program);
      const headBytes = new DataView(blob.buffer).getUint32(28, true);
      blob.fill(byte, headBytes + 256, headBytes + 256 + 32);
      at.memory().set(seal(blob, headBytes, 1), 16);
      expect(at.open(16, blob.length, 16 + blob.length, 4096, 1)).toBe(0);
      expect(at.invoke(0, 3, 1)).toBe(0);
    }
  });
});

it("random programs may have them", () => {
  const packings = Array.from({ length: 200 }, (_, seed) => randomProgram(new Random(seed), ["trit4"]));
  expect(packings.some(({ ops }) => ops.some((op) => op.kind === "dense" && op.packing === "trit4"))).toBe(true);
});
