import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import wabt from "wabt";
import { crc32 } from "../../host/base/crc32.ts";
import { HEADER, HEADER_BYTES, OP, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { convert } from "../../host/convert.ts";
import { modelMemory } from "../../host/cost/fit.ts";
import { v8 } from "../../host/engines/v8.ts";
import type { Board } from "../../host/firmware/boards.ts";
import type { Device } from "../../host/firmware/link/client.ts";
import { startEmulator } from "../../host/firmware/link/emulator.ts";
import { payloadOf } from "../../host/firmware/link/protocol.ts";
import { buildImage } from "../../host/firmware/make/build.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import { deviceModule, openOnDevice } from "../../host/node.ts";
import type { DenseOp, Thresholds } from "../../host/program.ts";
import { loadDevice } from "../../host/run/device.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { selfTest } from "../../host/run/self_test.ts";
import { loadReference, type Session } from "../../host/run/session.ts";
import { fitOf } from "../../tools/commands/fit.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { describeWith, MNIST_IMAGES, TFC } from "../data.ts";
import { Random } from "../graph/random.ts";
import { expectSame } from "../module/agree.ts";
import { lookup, programOf, thresholds, weights } from "../module/programs.ts";
import { digitsBlob, IMAGES, smallBlob } from "../tools/tern.ts";
import { moduleNamed } from "../variants.ts";
import { ALL, CHOSEN, describeBoards, digits, failureOf, isNarrow, MODULE, moduleFor, startBoard } from "./boards.ts";

const largeTiles = await digitsBlob();
/** Its ternary weights in trit4. */
const packed = await digitsBlob({ target: "cortex-m4" });

/** Binary weights × bits, or × codes of both widths (u8), behind a lookup. */
function binaryBlob(input: "bit" | "u8"): Uint8Array {
  const random = new Random(13);
  const codes = lookup("u8", random);
  const post = input === "u8" ? codes : { ...codes, table: codes.table.map((code) => (code & 1 ? 1 : -1)) };
  const dense = (input: number, from: number, to: number, post: Thresholds): DenseOp => ({
    ...{ kind: "dense", inputs: [input], output: input + 1, dtype: "binary", tileChannels: 4, post },
    weights: weights("binary", from * to, random),
  });
  const step = input === "u8" ? { base: 0, up: [-900, 0, 900] } : { base: -1, up: [0] };
  const program = programOf(
    [
      ["u8", 70],
      [input, 70],
      [input, 9],
      [input, 5],
    ],
    [
      { kind: "quantize", inputs: [0], output: 1, post },
      dense(1, 70, 9, thresholds(step)),
      dense(2, 9, 5, thresholds(step)),
    ],
    { maxRows: 1 },
  );
  return writeBlob(program);
}

const open: { close(): void }[] = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function start(...args: Parameters<typeof startBoard>): Promise<Device> {
  const device = await startBoard(...args);
  open.push(device);
  return device;
}

/** Boards whose QEMU lets accesses to nowhere pass. */
const DEAF = ["microbit", "lm3s6965evb"];

/** All that two sessions write for some seeded rows: every tensor after its op, and the scores. */
function expectEqual(session: Session, blob: Uint8Array, rows: number): void {
  const [found, expected] = [session, loadReference(blob)].map((each) => {
    const seen: [number, Int32Array][] = [];
    const outputs = each.run(sampleInputs(each.program, rows), {
      see: (tensor, elements) => seen.push([tensor, elements]),
    });
    return { outputs, seen: flat(seen) };
  });
  expect(found!.outputs).toEqual(expected!.outputs);
  expect(found!.seen).toEqual(expected!.seen);
}

/** Elements per tensor, all rows together: sessions have other batches. */
function flat(seen: [number, Int32Array][]): Record<number, number[]> {
  const all: Record<number, number[]> = {};
  for (const [tensor, elements] of seen) {
    all[tensor] ??= [];
    all[tensor].push(...elements);
  }
  return all;
}

/** A blob with other bytes in it, and right checksums of its head and of all of it. */
function resealed(blob: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const bytes = blob.slice();
  const view = new DataView(bytes.buffer);
  change(view);
  const head = view.getUint32(HEADER.headBytes, true);
  if (head <= bytes.length) view.setUint32(head - 4, crc32(bytes.subarray(8, head - 4)), true);
  view.setUint32(HEADER.crc, crc32(bytes.subarray(8)), true);
  return bytes;
}

describeBoards("firmware", (board, runtime) => {
  it("computes what the reference computes, and takes the memory that was planned", async () => {
    const others: [Uint8Array, number, Uint8Array?][] = [
      [largeTiles, 1],
      // in trit4, which interpreters do not run; and not in the small module
      ...(runtime === "wasm2c"
        ? ([
            [packed, 2],
            [packed, 1, MODULE],
          ] as typeof others)
        : []),
      [digits, 3],
      [await smallBlob("both"), 5],
      [await smallBlob("index"), 1],
    ];
    const { extraBytes } = runtimeNamed(runtime);
    const all: typeof others = [[digits, 1], ...(isNarrow(board, runtime) ? [] : others)];
    for (const [blob, rows, module = await moduleFor(runtime, blob)] of all) {
      const { elf } = await buildImage(board, runtimeNamed(runtime), module);
      const session = loadDevice(await startEmulator(board, elf, blob), { blob, maxRows: rows });
      expect(session.engine).toBe(`device:${board.name}:${runtime}`);
      expectEqual(session, blob, 8);
      expect(selfTest(session).wrong).toEqual([]);
      session.dispose();
      const device = await start(board, runtime, blob, { module });
      expect(device.open(rows)).toBe((await modelMemory(blob, module, v8, rows, extraBytes)).bytes);
      expect(device.selfTest()).toEqual({ pairs: readBlob(blob).selfTest!.inputs.length, wrong: 0 });
      const { stackUsed, stackBytes } = device.info();
      expect(stackUsed * 1.25).toBeLessThanOrEqual(stackBytes);
    }
  });
});

describe("the module of a device", () => {
  it.each([
    ["wasm2c", "core_ternary", "core", "core", "core", "core", "core"],
    [
      "wasm3",
      "scalar_integers",
      "scalar_ternary",
      "scalar_binary",
      "scalar_integers",
      "scalar_integers",
      "scalar_integers",
    ],
    [
      "wamr",
      "scalar_integers",
      "scalar_ternary",
      "scalar_binary",
      "scalar_binary",
      "scalar_integers",
      "scalar_integers",
    ],
  ])("under %s is the smallest that has, and has room for, all that a blob needs", async (runtime, ...expected) => {
    const [inTrit4, ternary, ofBits, ofCodes, scalar, all] = expected;
    for (const [blob, name] of [
      [packed, inTrit4],
      [binaryBlob("bit"), ofBits],
      [binaryBlob("u8"), ofCodes],
      [digits, ternary],
      [await smallBlob("index"), scalar],
      [await digitsBlob({ target: "storage" }), all], // which refuses it: FORMAT.md, "Features"
      [new Uint8Array(3), all],
      [undefined, all],
    ] as const) {
      const found = await deviceModule(runtimeNamed(runtime), blob);
      expect(found).toEqual({ name, module: moduleNamed(name!) });
    }
  });
});

describe("the module of a name", () => {
  const blob = binaryBlob("bit");
  it.each([
    ["wasm2c", "core", undefined],
    ["wasm2c", "core_ternary", "core_ternary lacks what the blob needs; of wasm2c's modules it runs in: core"],
    ["wasm2c", "scalar", 'no module "scalar" for wasm2c, expected one of core_ternary, core'],
    ["wasm3", "scalar_integers", undefined],
    ["wasm3", "scalar_ternary", "of wasm3's modules it runs in: scalar_binary, scalar_integers"],
  ])("under %s, %s, is taken where it has what the blob needs", async (runtime, name, message) => {
    const found = deviceModule(runtimeNamed(runtime), blob, name);
    if (message === undefined) expect(await found).toEqual({ name, module: moduleNamed(name) });
    else await expect(found).rejects.toThrow(message);
  });

  it("is taken for a library without a blob", async () => {
    const { name } = await deviceModule(runtimeNamed("wasm2c"), undefined, "core_ternary");
    expect(name).toBe("core_ternary");
  });
});

describeBoards(
  "binary weights × codes",
  (board, runtime) => {
    const blob = binaryBlob("u8");
    it("run with the module that has room for their code, or are refused", async () => {
      const runs = runtimeNamed(runtime);
      const { name, module } = await deviceModule(runs, blob);
      const { fits, ram } = fitOf(
        board,
        runs,
        name,
        blob.length,
        await modelMemory(blob, module, v8, 1, runs.extraBytes),
      );
      const target = `${board.name}:${runtime}`;
      if (isNarrow(board, runtime)) {
        expect({ fits, free: Math.sign(ram.free) }).toEqual({ fits: false, free: -1 });
        await expect(openOnDevice(target, { blob })).rejects.toThrow(
          /^microbit has 16384 bytes of RAM, \d+ too few for wasm3/,
        );
        return;
      }
      expect(fits).toBe(true);
      const session = await openOnDevice(target, { blob });
      open.push({ close: () => session.dispose() });
      expectEqual(session, blob, 8);
    });
  },
  ["microbit", "netduinoplus2"],
  ["wasm3", "wamr"],
);

describeBoards("a blob that a module was not built for", (board, runtime) => {
  it("is refused", async () => {
    const module = moduleNamed(runtime === "wasm2c" ? "core_ternary" : "scalar_binary");
    const device = await start(board, runtime, digits, { module });
    expect(failureOf(() => device.open(1))).toEqual({
      kind: "status",
      message: expect.stringMatching(/^open returned status 9, Unsupported: the blob has /),
    });
  });
});

describeBoards("requests", (board, runtime) => {
  it("say what the device is", async () => {
    const device = await start(board, runtime, digits);
    const { module, blob, blobRoom, ...info } = device.info();
    expect(info).toMatchObject({ protocol: 1, maxPayload: 256, board: board.name, runtime });
    const ours = await moduleFor(runtime);
    expect(module).toEqual({ bytes: ours.length, crc: crc32(ours) });
    expect(blob).toEqual({ status: 0, bytes: digits.length, crc: new DataView(digits.buffer).getUint32(4, true) });
    expect(blobRoom).toBe(board.blob.bytes);
  });

  /** A blob in a section that is erased otherwise. */
  const erased = (blob = new Uint8Array(0)) => {
    const section = new Uint8Array(board.blob.bytes).fill(255);
    section.set(blob);
    return section;
  };
  it.each([
    ["nothing, erased to zeros", () => new Uint8Array(64), 32],
    ["nothing, all of it erased to ones", () => erased(), 32],
    ["a header, half-written", () => erased(digits.slice(0, 30)), 33],
    ["a half-written blob, the rest erased", () => erased(digits.slice(0, digits.length / 2)), 33],
    ["all but the last bytes of a blob, the rest erased", () => erased(digits.slice(0, -16)), 33],
    ["noise", () => Uint8Array.from({ length: 200 }, (_, i) => (i * 37) & 255), 33],
    ["a half-written blob", () => digits.slice(0, digits.length / 2), 33],
    ["a head alone", () => digits.slice(0, 288), 33],
    ["a blob whose last byte is missing", () => digits.slice(0, digits.lastIndexOf(125)), 33],
    ["a blob larger than its room", () => resealed(digits, (view) => view.setUint32(12, 0xfffffff0, true)), 33],
    ["a head larger than the blob", () => resealed(digits, (view) => view.setUint32(28, 0x1000000, true)), 33],
  ])("reports %s in the blob's place", async (_, flash, status) => {
    const device = await start(board, runtime, flash());
    expect(device.info().blob).toEqual({ status, bytes: 0, crc: 0 });
    expect(failureOf(() => device.open(1)).message).toMatch(`open returned status ${status}, `);
    expect(failureOf(() => device.invoke(0, 1, 1)).message).toMatch("status 12, NotOpen");
    expect(device.info().board).toBe(board.name);
  });

  it("refuses what the module refuses, and takes the next request", async () => {
    const device = await start(
      board,
      runtime,
      resealed(digits, (view) => view.setUint32(HEADER.ops, 1 << 28, true)),
    );
    expect(failureOf(() => device.open(1))).toEqual({
      kind: "status",
      message: expect.stringMatching(/^open returned status 9, Unsupported: the blob has /),
    });
    expect(device.info().blob.status).toBe(0);
  });

  it("refuses more memory than it has, and says how much is missing", async () => {
    const fat = resealed(digits, (view) => view.setUint32(HEADER.arenaFixed, 64 << 20, true));
    const device = await start(board, runtime, fat);
    const { memoryBytes } = device.info();
    const { kind, message } = failureOf(() => device.open(1));
    expect(kind).toBe("memory");
    expect(message).toContain(`open returned status 34, out of memory: the model takes`);
    expect(message).toContain(`the device has ${memoryBytes}`);
  });

  it("proves every request", async () => {
    const device = await start(board, runtime, digits);
    const rows = isNarrow(board, runtime) ? 1 : 2;
    device.open(rows);
    const { length } = readBlob(digits).tensors;
    const wrong: [string, () => unknown, string][] = [
      ["no such tensor", () => device.read(length, 1, 0, 1), "status 35"],
      ["no rows", () => device.read(0, 0, 0, 1), "status 35"],
      ["more rows than open", () => device.write(0, rows + 1, 0, new Uint8Array(1)), "status 35"],
      ["behind the rows", () => device.read(0, rows, 256 * rows, 1), "status 35"],
      ["at a wrapped place", () => device.read(0, rows, 0xffffffff, 2), "status 35"],
      ["a short payload", () => device.request("open", new Uint8Array(3)), "status 65"],
      ["a long payload", () => device.request("info", new Uint8Array(1)), "status 65"],
      ["too large an answer", () => device.request("read", payloadOf([0, rows, 0, 257])), "status 65"],
      ["an unknown command", () => device.request("break", payloadOf([0])), "status 65"],
      ["ops that are not there", () => device.invoke(0, 99, 1), "status 13, BadRange"],
      ["too many rows to run", () => device.invoke(0, 1, rows + 1), "status 10, BadRows"],
      ["too many rows to open", () => device.open(65), "status 10, BadRows"],
    ];
    for (const [what, run, message] of wrong) expect(failureOf(run).message, what).toContain(message);
    device.open(1);
    expect(device.selfTest()).toEqual({ pairs: 2, wrong: 0 });
  });
});

describeBoards("a core", (board, runtime) => {
  it("reports its faults and goes on", async () => {
    const device = await start(board, runtime, digits, { defines: ["-DTERN_BREAK"] });
    for (const [what, way] of [
      ["a bad address", 0],
      ["no instruction", 1],
      ["stack overflow", 2],
    ] as const) {
      device.open(1);
      const { kind, message } = failureOf(() => device.request("break", payloadOf([way])));
      if (way === 0 && DEAF.includes(board.name)) continue;
      expect({ kind, message }, what).toEqual({
        kind: "trap",
        message: expect.stringContaining("returned status 66, fault at 0x"),
      });
      device.open(1);
      expect(device.selfTest(), what).toEqual({ pairs: 2, wrong: 0 });
    }
  });
});

// in QEMU mps2-an500 has RAM there
const WITH_FLASH = CHOSEN.filter((name) => name !== "mps2-an500");
describeBoards(
  "flash",
  (board, runtime) => {
    it("cannot be written", async () => {
      const device = await start(board, runtime, digits, { defines: ["-DTERN_BREAK"] });
      const { message } = failureOf(() => device.request("break", payloadOf([3])));
      expect(message).toContain("status 65"); // the write is dropped; where it changes flash, the stack runs over
      expect(device.info().blob.status).toBe(0);
    });
  },
  WITH_FLASH,
);

/** A module with our exports: `plan` wants 64 bytes, `invoke` does what the next suite tries. */
const { parseWat } = await wabt();
const TRAPS = parseWat(
  "traps.wat",
  `(module (import "board" "weights_read" (func $read (param i32 i32 i32) (result i32)))
    (memory (export "memory") 0)
    (func (export "abi_version") (result i32) unreachable)
    (func (export "features") (param i32) (result i32) (i32.const 32))
    (func (export "plan") (param i32 i32 i32) (result i32) (i32.const 64))
    (func (export "open") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "invoke") (param i32 i32 i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.store (local.get 1) (local.get 2)) (i32.const 0))
        (else (if (result i32) (i32.eq (local.get 0) (i32.const 1))
          (then (call $read (local.get 1) (i32.const 0) (local.get 2)))
          (else (if (result i32) (i32.eq (local.get 0) (i32.const 2))
            (then (i32.div_u (i32.const 1) (local.get 1)))
            (else (if (result i32) (i32.eq (local.get 0) (i32.const 3))
              (then (i64.store8 offset=4294967295 (local.get 1) (i64.const 1)) (i32.const 0))
              (else (if (result i32) (i32.eq (local.get 0) (i32.const 4))
                (then (call $deep (local.get 1)))
                (else unreachable)))))))))))
    (func $deep (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (i32.xor (i32.rotl (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)) (local.get 0)))
        (else (i32.const 0))))
    (func (export "reset") (param i32) (result i32) (i32.const 0)))`,
).toBinary({}).buffer;

describeBoards("a trap", (board, runtime) => {
  it("comes back as an error, and the next model runs", async () => {
    const device = await start(board, runtime, digits, { module: TRAPS });
    const bytes = device.open(1) - runtimeNamed(runtime).extraBytes;
    const slack = runtime === "wasm2c"; // its checks may let an access end there, except where words must be aligned
    for (const [what, [op, address, value], status] of [
      ["the last word", [0, bytes - 4, 1], 0],
      ["a word from the last byte on", [0, bytes - 1, 1], !slack ? 49 : board.core === "cortex-m0" ? 66 : 0],
      ["behind the end", [0, bytes, 1], 49],
      ["behind the slack", [0, bytes + 60, 1], 49],
      ["the end of the address space", [0, 0xffffffff, 1], 49],
      ["an address and an offset that wrap", [3, 1, 0], 49],
      ["an address and an offset that wrap to the end", [3, 0xffffffff, 0], 49],
      ["the import, inside", [1, bytes - 16, 16], 0],
      ["the import, too far", [1, bytes - 16, 17], 49],
      ["the import, wrapping", [1, 16, 0xfffffff8], 49],
      ["a division by zero", [2, 0, 0], 53],
      ["no end of calls", [4, 100_000, 0], runtime === "wasm2c" ? 66 : 51], // compiled code takes the core's stack, to its end
      ["unreachable", [5, 0, 0], 50],
    ] as const) {
      device.open(1);
      if (status === 0) device.invoke(op, address, value);
      else {
        const failure = failureOf(() => device.invoke(op, address, value));
        expect(failure, what).toEqual({
          kind: "trap",
          message: expect.stringContaining(`returned status ${status}, ${status === 66 ? "fault" : "trap"}`),
        });
        expect(failureOf(() => device.invoke(0, 0, 0)).message, what).toContain("status 12, NotOpen");
      }
    }
  });
});

/** Pictures for a board and a runtime. */
const PICTURES = ALL ? 200 : 4;

/** Runs pictures on a device, and expects the reference's sums. */
async function expectSums(board: Board, runtime: string, blob: Uint8Array, pictures: Uint8Array): Promise<void> {
  const { elf } = await buildImage(board, runtimeNamed(runtime), await moduleFor(runtime, blob));
  const session = loadDevice(await startEmulator(board, elf, blob), { blob });
  try {
    const [expected] = loadReference(blob).run(pictures);
    expectSame(session.run(pictures)[0]!.elements, expected!.elements, `${board.name}, ${runtime}`);
  } finally {
    session.dispose();
  }
}

/** The first so many pixels of an idx file. */
function readPictures(file: string, pixels: number): Uint8Array {
  return new Uint8Array(readInput(readFileSync(file), file).data.slice(0, pixels));
}

describeWith([TFC, MNIST_IMAGES], "TFC_1W1A", async () => {
  const target = "cortex-m0:wasm3"; // small tiles: the other ones do not fit a narrow board
  const { blob } = await convert(readFileSync(TFC), { file: "TFC_1W1A.onnx", target });
  const pictures = (count: number) => readPictures(MNIST_IMAGES, 784 * count);

  describeBoards("TFC_1W1A", (board, runtime) => {
    it("computes what the reference computes, of every op", async () => {
      const { elf } = await buildImage(board, runtimeNamed(runtime), await moduleFor(runtime, blob));
      const session = loadDevice(await startEmulator(board, elf, blob), { blob });
      expectEqual(session, blob, 8);
      session.dispose();
    });

    it(`gives the sums of ${PICTURES} pictures`, { timeout: 600_000 }, () =>
      expectSums(board, runtime, blob, pictures(PICTURES)),
    );

    if (ALL && board.name === "netduinoplus2" && runtime === "wasm2c") {
      it("gives the sums of 10,000 pictures", { timeout: 1_800_000 }, () =>
        expectSums(board, runtime, blob, pictures(10_000)),
      );
    }
  });
});

describeBoards("the digits example", (board, runtime) => {
  it(`gives the sums of ${PICTURES} pictures`, { timeout: 600_000 }, () =>
    expectSums(board, runtime, digits, readPictures(IMAGES, 256 * PICTURES)),
  );
});

describe("a blob that is not the device's", () => {
  describeBoards(
    "is refused",
    (board, runtime) => {
      it("by its checksum", async () => {
        const { elf } = await buildImage(board, runtimeNamed(runtime), await moduleFor(runtime));
        const other = await smallBlob("scores");
        const port = await startEmulator(board, elf, digits);
        expect(failureOf(() => loadDevice(port, { blob: other })).message).toMatch(
          new RegExp(
            `microbit holds another blob: ${digits.length} bytes, checksum [0-9a-f]{8}; expected ${other.length}, `,
          ),
        );
      });
    },
    ["microbit"],
  );
});

/** Records at odd addresses, which no writer makes: cores that cannot read words there fault; others, and wasm3 on these, compute some numbers. */
describeBoards("records out of step", (board, runtime) => {
  it("come to a fault or to other numbers, and the device goes on", async () => {
    const view = new DataView(digits.buffer);
    const [parts, tensors] = [HEADER.partCount, HEADER.tensorCount].map((field) => view.getUint16(field, true));
    const step = HEADER_BYTES + PART_BYTES * parts! + TENSOR_BYTES * tensors! + OP.recordStep;
    expect(view.getUint16(step, true)).toBe(16);
    const device = await start(
      board,
      runtime,
      resealed(digits, (changed) => changed.setUint16(step, 13, true)),
    );
    device.open(1);
    if (board.core === "cortex-m0" && runtime === "wasm2c") {
      expect(failureOf(() => device.selfTest()).message).toMatch("selfTest returned status 66, fault at 0x0000");
      expect(failureOf(() => device.invoke(0, 1, 1)).message).toContain("status 12, NotOpen");
      device.open(1);
    } else expect(device.selfTest()).toEqual({ pairs: 2, wrong: 2 });
    expect(device.info().board).toBe(board.name);
  });
});
