import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { BlobError, EngineError } from "../../host/base/errors.ts";
import { HEADER, HEADER_BYTES, OP_BYTES, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { convert } from "../../host/convert.ts";
import type { Program } from "../../host/program.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { ARRAYS, loadReference } from "../../host/run/session.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { Random } from "../graph/random.ts";
import { seal } from "../module/machine.ts";
import { programOf, randomProgram, SMALL } from "../module/programs.ts";
import { ALL_SEEDS, seedCount } from "../seeds.ts";
import { scratch } from "../tools/tern.ts";
import { type FakeEnd, runFake, type World } from "./fake_wasi.ts";
import { COMMANDS, commandPath, describeCommands, run } from "./hosts.ts";
import { expectedOf, samplesOf } from "./rows.ts";

/** Exit codes of README.md: a blob that is refused, and what else a blob may lead to. */
const NO_BLOB = 5;
const CUT = 6;
const DAMAGED = 7;
const REFUSED = [5, 6, 7, 8, 9, 14];
const BAD_INPUT = [10, 11];

describe.each(COMMANDS)("%s, in pieces and with failures", (name) => {
  const module = new WebAssembly.Module(readFileSync(commandPath(name)));
  const world: World = { args: ["tern-cli.wasm", "m.tern"], files: {} };
  let digits: Uint8Array;
  let expected: Uint8Array;
  beforeAll(async () => {
    digits = (await convert(DIGITS, { file: "digits.onnx" })).blob;
    world.files["m.tern"] = digits;
    world.input = IMAGES;
    expected = expectedOf(loadReference(digits), [IMAGES], 10);
  });
  const same = ({ code, stdout, stderr }: FakeEnd) => {
    expect([code, stderr]).toEqual([0, ""]);
    expect(Buffer.compare(stdout, expected)).toBe(0);
  };

  it.each([1, 7, 255, 256, 257, 4096])("reads %i bytes at a time", (readBytes) => {
    same(runFake(module, { ...world, readBytes }));
  });

  it.each([1, 39, 41])("writes %i bytes at a time", (writeBytes) => {
    same(runFake(module, { ...world, writeBytes }));
  });

  it("asks again where nobody waits for it", () => {
    same(runFake(module, { ...world, again: true, readBytes: 100, writeBytes: 3 }));
  });

  it("grows memory once for the blob and once for its plan, whatever the number of samples", () => {
    const few = runFake(module, world);
    const many = runFake(module, { ...world, input: new Uint8Array(256 * 10_000) });
    expect(many.code).toBe(0);
    expect(many.stdout).toHaveLength(40 * 10_000);
    expect(many.reads).toBeLessThan(100); // pieces, not samples
    expect(many.pages).toBe(few.pages);
    expect(many.growths).toBeLessThanOrEqual(2);
  });

  it("takes samples that are larger than a piece", () => {
    const channels = 40_000;
    const argmax = { kind: "argmax" as const, inputs: [0], output: 1 };
    const shapes: Parameters<typeof programOf>[0] = [
      ["i32", channels],
      ["i32", 1],
    ];
    const elements = new Int32Array(3 * channels);
    const peaks = [39_999, 0, 20_000];
    peaks.forEach((peak, row) => {
      elements[row * channels + peak] = 1;
    });
    const files = { "m.tern": writeBlob(programOf(shapes, [argmax])) };
    const input = new Uint8Array(elements.buffer);
    const { code, stdout } = runFake(module, { ...world, files, input, readBytes: 70_000 });
    expect([code, ...new Int32Array(stdout.buffer)]).toEqual([0, ...peaks]);
  });

  it("says which read or write failed, and has written the results before", () => {
    const [half, end] = [IMAGES.subarray(0, 1280), 5 * 40];
    const input = runFake(module, { ...world, readBytes: 256, failInput: [5, 29] });
    expect([input.code, input.stderr]).toEqual([12, "input cannot be read, errno 29\n"]);
    expect(Buffer.compare(input.stdout, expected.subarray(0, end))).toBe(0);
    const output = runFake(module, { ...world, input: half, readBytes: 256, failOutput: [2, 51] });
    expect([output.code, output.stderr]).toEqual([13, "output cannot be written, errno 51\n"]);
    const full = runFake(module, { ...world, writeBytes: 0 });
    expect([full.code, full.stdout.length]).toEqual([13, 0]);
    const file = runFake(module, { ...world, readBytes: 1000, failFile: [3, 29] });
    expect([file.code, file.stderr]).toEqual([4, "m.tern: cannot be read, errno 29\n"]);
  });

  it("has not enough memory for a file that is too large, and believes no size", () => {
    for (const fileBytes of [2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 64n - 2n ** 20n, 2n ** 64n - 1n]) {
      const { code, stderr } = runFake(module, { ...world, fileBytes });
      expect([code, stderr]).toEqual([14, "not enough memory\n"]);
    }
    expect(runFake(module, { ...world, fileBytes: BigInt(digits.length + 1000) }).code).toBe(0); // it was cut meanwhile
    expect(runFake(module, { ...world, fileBytes: 1000n }).code).toBe(CUT);
  });

  it("takes arguments of any number and length", () => {
    expect(runFake(module, { ...world, args: [] }).code).toBe(2);
    expect(runFake(module, { ...world, args: ["tern-cli.wasm", ""] }).code).toBe(3);
    expect(runFake(module, { ...world, args: new Array(50_000).fill("argument") }).code).toBe(2);
    const long = "x".repeat(1_000_000);
    const { code, stderr } = runFake(module, { ...world, args: ["tern-cli.wasm", long] });
    expect([code, stderr]).toEqual([3, `${long}: no such file in what --dir gives\n`]);
  });
});

/** A blob whose table of ports holds these, which the writer would refuse. */
function withPorts(program: Program, { inputs, outputs }: Pick<Program, "inputs" | "outputs">): Uint8Array {
  const blob = writeBlob(program);
  const view = new DataView(blob.buffer);
  const headBytes = view.getUint32(HEADER.headBytes, true);
  const parts = view.getUint16(HEADER.partCount, true);
  const at = HEADER_BYTES + PART_BYTES * parts + TENSOR_BYTES * program.tensors.length + OP_BYTES * program.ops.length;
  blob.fill(0, at, headBytes);
  view.setUint8(HEADER.inputCount, inputs.length);
  view.setUint8(HEADER.outputCount, outputs.length);
  for (const [i, tensor] of [...inputs, ...outputs].entries()) view.setUint16(at + 2 * i, tensor, true);
  return seal(blob, headBytes, parts);
}

describe.each(COMMANDS)("%s, fed with", (name) => {
  /** The builds read blobs with the same code; so the second one is fed a share. And `npm test` feeds a share of what `npm run test:random` does. */
  const share = (name === COMMANDS[0] ? 1 : 10) * (ALL_SEEDS ? 1 : 3);
  const module = new WebAssembly.Module(readFileSync(commandPath(name)));
  const end = (blob: Uint8Array, input: Uint8Array = new Uint8Array(2000)) =>
    runFake(module, { args: ["tern-cli.wasm", "m.tern"], files: { "m.tern": blob }, input });

  /** The exit code for a blob, never a trap. If the host's reader takes the blob, the results are those of the reference. */
  function attack(blob: Uint8Array, rows = 2): number {
    let program: ReturnType<typeof readBlob> | undefined;
    try {
      program = readBlob(blob);
    } catch (error) {
      if (!(error instanceof BlobError)) throw error;
    }
    // sessions have what checkpoints have: no inputs of bits or i32, no outputs of f32
    const dtypes = (ports: readonly number[] = []) => ports.map((index) => program!.tensors[index]!.dtype);
    const runs = dtypes(program?.inputs).every((dtype) => ARRAYS[dtype]) && !dtypes(program?.outputs).includes("f32");
    if (!program || !runs) return end(blob).code;
    const inputs = sampleInputs(program, rows);
    const { code, stdout } = end(blob, samplesOf(program, inputs, rows));
    if (code !== 0) return code;
    try {
      expect(Buffer.compare(stdout, expectedOf(loadReference(blob), inputs, rows))).toBe(0);
    } catch (error) {
      if (!(error instanceof EngineError && error.kind === "memory")) throw error; // more activations than a session takes
    }
    return code;
  }

  describe.each(Object.entries(SMALL))("%s", (_, program) => {
    const blob = writeBlob(program);
    const view = new DataView(blob.buffer);
    const headBytes = view.getUint32(HEADER.headBytes, true);
    const parts = view.getUint16(HEADER.partCount, true);

    it("runs as it is", () => {
      expect(attack(blob)).toBe(0);
    });

    it("every truncation, and bytes behind the end", () => {
      for (let bytes = 0; bytes < blob.length; bytes += share) expect(end(blob.slice(0, bytes)).code).toBe(CUT);
      expect(end(Uint8Array.of(...blob, 0)).code).toBe(CUT);
      expect(end(Uint8Array.of(...blob, ...new Uint8Array(16))).code).toBe(CUT);
    });

    it("every flipped bit", () => {
      for (let bit = 0; bit < 8 * blob.length; bit += share | 1) {
        const { code } = end(blob.with(bit >> 3, blob[bit >> 3]! ^ (1 << (bit & 7))));
        const inSize = bit >= 8 * HEADER.totalBytes && bit < 8 * (HEADER.totalBytes + 4);
        const inHeadSize = bit >= 8 * HEADER.headBytes && bit < 8 * (HEADER.headBytes + 4);
        if (bit < 32) expect(code).toBe(NO_BLOB);
        else if (inSize) expect(code).toBe(CUT);
        else if (inHeadSize)
          expect([CUT, DAMAGED]).toContain(code); // a head larger than the blob
        else expect(code, `bit ${bit}`).toBe(DAMAGED);
      }
    });

    it("any values in the head, with right checksums", () => {
      const tables = HEADER_BYTES + parts * PART_BYTES + program.tensors.length * TENSOR_BYTES;
      const places = fc.oneof(
        fc.nat(headBytes - 5), // anywhere but in the checksum
        fc.integer({ min: HEADER.partCount, max: HEADER_BYTES - 1 }),
        fc.integer({ min: tables, max: tables + program.ops.length * OP_BYTES + 7 }), // ops and ports
      );
      const value = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 10, 127, 128, 255));
      fc.assert(
        fc.property(fc.array(fc.tuple(places, value), { minLength: 1, maxLength: 4 }), (changes) => {
          const bytes = blob.slice();
          for (const [at, byte] of changes) bytes[at] = byte;
          const code = attack(seal(bytes, headBytes, parts));
          expect([0, ...REFUSED, ...BAD_INPUT]).toContain(code);
        }),
        { numRuns: Math.ceil(500 / share) },
      );
    });

    it("any weights", () => {
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat(255)), (stream) => {
          const bytes = blob.slice();
          for (let i = headBytes; i < bytes.length; i++) bytes[i] = stream.next().value;
          expect([0, ...BAD_INPUT]).toContain(attack(seal(bytes, headBytes, parts)));
        }),
        { numRuns: Math.ceil(30 / share) },
      );
    });
  });

  it("random programs of every op, dtype, post and packing that it has", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const program = randomProgram(new Random(seed), ["sign32", "field2", "field3", "field4", "field8"]);
        expect([0, ...BAD_INPUT]).toContain(attack(writeBlob(program), 5));
      }),
      { numRuns: seedCount(500) },
    );
  });

  it("blobs with parts that it does not know, required or not, or twice", () => {
    const program = Object.values(SMALL)[0]!;
    const withPart = (kind: number, flags: number) =>
      writeBlob(program, [{ kind, flags, bytes: Uint8Array.of(1, 2, 3) }]);
    expect(attack(withPart(900, 0))).toBe(0);
    expect(end(withPart(900, 1)).code).toBe(9);
    expect(REFUSED).toContain(end(withPart(1, 1)).code);
  });

  it("blobs without inputs or outputs, or with ports that do not exist", () => {
    const program = Object.values(SMALL)[3]!;
    const count = program.tensors.length;
    for (const ports of [
      { inputs: [] },
      { outputs: [] },
      { inputs: [count] },
      { outputs: [0xffff] },
      { outputs: [count] },
    ]) {
      const { code, stderr } = end(withPorts(program, { ...program, ...ports }));
      expect([code, stderr]).toEqual([8, "m.tern: malformed, status 5\n"]);
    }
    expect(end(withPorts(program, program)).code).toBe(0);
  });

  it("blobs that want more memory than there is", () => {
    const program = Object.values(SMALL)[3]!;
    for (const bytes of [0x7fff_0000, 0xffff_fff0]) {
      for (const arena of [
        { fixed: bytes, perRow: program.arena.perRow },
        { fixed: bytes, perRow: bytes },
      ]) {
        expect(end(writeBlob({ ...program, arena })).code).toBe(bytes > 0x7fff_ffff || arena.perRow === bytes ? 14 : 0);
      }
    }
  });
});

describeCommands("tern-cli under attack", (host, wasm) => {
  const { folder, put } = scratch();

  it("ends with the same codes and lines as in plain arrays", async () => {
    const { blob } = await convert(DIGITS, { file: "digits.onnx" });
    const module = new WebAssembly.Module(readFileSync(wasm));
    const view = new DataView(blob.buffer, blob.byteOffset);
    const headBytes = view.getUint32(HEADER.headBytes, true);
    const parts = view.getUint16(HEADER.partCount, true);
    const changed = (at: number, byte: number) => seal(blob.with(at, byte), headBytes, parts);
    const mutants = [
      blob.subarray(0, 63),
      blob.subarray(0, headBytes),
      blob.with(0, 0),
      blob.with(HEADER.formatVersion, 9),
      blob.with(blob.length - 40, 1),
      changed(HEADER.formatVersion, 9),
      changed(HEADER.opCount, 1),
      changed(HEADER.inputCount, 0),
      changed(HEADER.ops + 1, 0xff),
      changed(HEADER.arenaFixed + 3, 0xff),
      changed(headBytes - 6, 0xff),
      changed(headBytes + 5, 0xff),
    ];
    for (const [i, mutant] of mutants.entries()) {
      put("mutant.tern", mutant);
      const real = run(host, wasm, folder, ["mutant.tern"], IMAGES);
      const fake = runFake(module, { args: ["x", "mutant.tern"], files: { "mutant.tern": mutant }, input: IMAGES });
      expect([i, real.code, real.stderr]).toEqual([i, fake.code, fake.stderr]);
      expect(Buffer.compare(real.stdout, fake.stdout)).toBe(0);
    }
  });
});
