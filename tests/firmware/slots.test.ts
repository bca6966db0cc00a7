import { spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeBlob } from "../../host/blob/write.ts";
import type { Board } from "../../host/firmware/boards.ts";
import { type AsyncDevice, openAsyncDevice } from "../../host/firmware/link/client.ts";
import { keepFlash, startEmulator } from "../../host/firmware/link/emulator.ts";
import { payloadOf } from "../../host/firmware/link/protocol.ts";
import { buildImage, type Image } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { planUpdate, probe, type SlotModel, update } from "../../host/flash/update.ts";
import { openSlots, readModule } from "../../host/node.ts";
import { Random } from "../graph/random.ts";
import { TERNARY, withGoldenPairs } from "../module/programs.ts";
import { scratch } from "../tools/tern.ts";
import { ALL, describeBoards, digits, moduleFor } from "./boards.ts";

// A firmware with slots in its emulator: flash that a killed QEMU keeps.

const program = withGoldenPairs(Object.values(TERNARY)[0]!);
const small = writeBlob(program);
/** The same with a golden output that does not come out: it opens, and fails on its trial. */
const wrong = writeBlob({
  ...program,
  selfTest: { ...program.selfTest!, outputs: program.selfTest!.outputs.map((row) => row.map((byte) => byte ^ 1)) },
});

const { path } = scratch();

async function bring(device: AsyncDevice, blob: Uint8Array, counter = 0) {
  const model: SlotModel = { blob, trailer: new Uint8Array(0), counter };
  const found = await probe(device);
  const plan = await planUpdate(found, model);
  return update(device, found, plan, model);
}

/** Whole units of every board. */
const BLOCK = 248;

/** Updates of each board that are cut by killing the emulator. */
const KILLS = ALL ? 200 : 10;

describeBoards(
  "a firmware with slots",
  (board: Board, runtime: string) => {
    let image: Image;
    beforeAll(async () => {
      image = await buildImage(board, runtimeNamed(runtime), await moduleFor(runtime), {
        update: await readModule("update"),
      });
    }, 120_000);

    let count = 0;
    const open: AsyncDevice[] = [];
    afterAll(() => {
      for (const device of open) device.close();
    });
    const fresh = () => path(`${board.name}-${runtime}-${count++}.flash`);
    async function start(flash: string): Promise<AsyncDevice> {
      const line = await startEmulator(board, image.elf, new Uint8Array(0), keepFlash(board, flash));
      const device = openAsyncDevice(line.async);
      open.push(device);
      return device;
    }

    it("takes a model, runs it, and has it after power was gone", async () => {
      const flash = fresh();
      let device = await start(flash);
      expect((await device.info()).blob.status).toBe(32);
      expect(await bring(device, digits)).toMatchObject({ sent: digits.length, kept: 0, pairs: 2 });
      const { blob, stackUsed, stackBytes } = await device.info();
      expect(blob).toMatchObject({ status: 0, bytes: digits.length });
      expect(stackUsed).toBeLessThan(stackBytes * 0.8);
      expect(await device.dump(0, 0, digits.length)).toEqual(digits);
      device.close();
      device = await start(flash);
      expect((await device.info()).blob).toEqual(blob);
      await device.open(1);
      expect(await device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
      expect(await bring(device, small, 3)).toMatchObject({ sent: small.length });
      expect((await device.slots())!).toMatchObject({ active: 1, counter: 3 });
      device.close();
    }, 60_000);

    it("runs the model that it has while another comes", async () => {
      const device = await start(fresh());
      await bring(device, digits);
      await device.open(1);
      const model: SlotModel = { blob: small, trailer: new Uint8Array(0) };
      const found = await probe(device);
      const plan = await planUpdate(found, model);
      await device.begin(plan.slot, plan.statement);
      await device.block(0, small.subarray(0, BLOCK));
      expect(await device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
      await device.block(BLOCK, small.subarray(BLOCK));
      expect(await device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
      device.close();
    }, 60_000);

    it("tries what was stored by itself after power-up: keeps what is right, and goes back from what is not", async () => {
      const flash = fresh();
      let device = await start(flash);
      await bring(device, digits);
      const store = async (blob: Uint8Array, counter: number) => {
        const model: SlotModel = { blob, trailer: new Uint8Array(0), counter };
        const { slot, statement } = await planUpdate(await probe(device), model);
        await device.begin(slot, statement);
        for (let at = 0; at < blob.length; at += BLOCK) await device.block(at, blob.subarray(at, at + BLOCK));
        await device.finish();
        device.close();
        device = await start(flash);
        return (await device.slots())!;
      };
      const back = await store(wrong, 1);
      expect([back.active, back.counter, back.slots.map(({ state }) => state)]).toEqual([
        0,
        0,
        ["confirmed", "retired"],
      ]);
      const kept = await store(small, 1);
      expect([kept.active, kept.counter, kept.slots[1]!.state]).toEqual([1, 1, "confirmed"]);
      device.close();
    }, 60_000);

    // not where QEMU reads code from pflash, which the arguments here do not write
    if (!board.qemu!.pflash) {
      it("takes a model over a serial port", { timeout: 60_000 }, async () => {
        const { system, machine } = board.qemu!;
        const args = [
          ...["-machine", machine, "-nodefaults", "-display", "none", "-kernel", image.elf],
          ...["-chardev", "stdio,id=monitor,signal=off", "-mon", "chardev=monitor"],
          ...["-chardev", "pty,id=uart", "-serial", "chardev:uart", ...keepFlash(board, fresh())],
        ];
        const qemu = spawn(`qemu-system-${system}`, args);
        try {
          let said = "";
          const hear = (text: Buffer) => {
            said += text;
          };
          qemu.stdout.on("data", hear);
          qemu.stderr.on("data", hear);
          while (!/\/dev\/\S+/.test(said)) await setTimeout(10);
          const device = await openSlots(said.match(/\/dev\/\S+/)![0]);
          qemu.stdin.write("\n"); // as emulator.ts has it
          expect(await bring(device, digits)).toMatchObject({ sent: digits.length, pairs: 2 });
          expect((await device.info()).blob.bytes).toBe(digits.length);
          device.close();
        } finally {
          qemu.kill("SIGKILL");
        }
      });
    }

    it("proves every request", async () => {
      const device = await start(fresh());
      await bring(device, small);
      const statement = new Uint8Array(44).fill(1);
      const { bodyBytes } = (await device.slots())!.slots[0]!;
      for (const [expected, command, payload] of [
        [65, "slots", new Uint8Array(4)],
        [65, "begin", payloadOf([1], statement.subarray(1))],
        [65, "begin", new Uint8Array(3)],
        [65, "block", new Uint8Array(3)],
        [65, "checksum", new Uint8Array(4)],
        [65, "try", new Uint8Array(4)],
        [65, "dump", payloadOf([0, 0, 257])],
        [65, "dump", payloadOf([2, 0, 1])],
        [65, "dump", payloadOf([0, bodyBytes, 1])],
        [65, "dump", payloadOf([0, 0xffffffff, 2])],
        [81, "begin", payloadOf([0], statement)],
        [81, "begin", payloadOf([2], statement)],
        [82, "begin", payloadOf([1], statement)],
        [86, "block", payloadOf([0], Uint8Array.of(1))],
        [86, "checksum", payloadOf([0, 1])],
        [86, "finish", new Uint8Array(0)],
        [0, "confirm", new Uint8Array(0)],
        [92, "revert", new Uint8Array(0)],
      ] as const) {
        const status = await device.request(command, payload).then(
          () => 0,
          (error: { status?: number }) => error.status,
        );
        expect(status, `${command} ${payload}`).toBe(expected);
      }
      expect((await device.slots())!.active).toBe(0);
      device.close();
    }, 60_000);

    it(`is killed ${KILLS} times in the midst of updates, and has the old model or the new one, whole`, async () => {
      const random = new Random(7);
      const flash = fresh();
      let device = await start(flash);
      await bring(device, digits);
      const begun = performance.now();
      await bring(device, small, 1);
      await bring(device, digits, 2);
      const longest = performance.now() - begun;
      let counter = 2;
      let [old, next] = [digits, small];
      const found = { old: 0, new: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const killed = bring(device, next, counter + 1).then(
          () => "done",
          () => "cut",
        );
        const ms = random.int(0, Math.ceil((next === digits ? 1 : 0.4) * longest * 1000)) / 1000;
        await Promise.race([killed, setTimeout(ms)]);
        device.close();
        await killed;
        device = await start(flash);
        const { blob } = await device.info();
        const { active, slots } = (await device.slots())!;
        const where = `kill ${kill} after ${ms} ms`;
        expect(slots[active!]!.state, where).toBe("confirmed");
        const held = await device.dump(active!, 0, blob.bytes);
        const isNew = held.length === next.length;
        expect(held, where).toEqual(isNew ? next : old);
        found[isNew ? "new" : "old"]++;
        await bring(device, next, counter + 1);
        const after = (await device.slots())!;
        expect([after.counter, (await device.info()).blob.bytes], where).toEqual([counter + 1, next.length]);
        counter++;
        [old, next] = [next, old];
      }
      console.log(`${KILLS} kills of ${board.name}: the old model ${found.old} times, the new one ${found.new} times`);
      device.close();
    }, 1_200_000);
  },
  ["virt", "mps2-an500"],
  ALL ? ["wasm2c", "wasm3"] : ["wasm2c"],
);
