import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { HEADER, HEADER_BYTES, OP_BYTES, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { rowStride } from "../../host/blob/tensors.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Engine } from "../../host/engines/engine.ts";
import { BlobError } from "../../host/errors.ts";
import type { Program, Tensor } from "../../host/program.ts";
import { invoke } from "../../host/reference/model.ts";
import { STATUS, type Status } from "../../host/status.ts";
import { fieldsOf } from "../blob/spec.ts";
import { describeModules } from "../variants.ts";
import { expectSame, WAYS } from "./agree.ts";
import { type Machine, machine, seal } from "./machine.ts";
import { PACKED, packingsOf, SMALL } from "./programs.ts";

const MEMORY = 65_536;
const BLOB_AT = 256;
const ROWS = 2;

/** A place in the head, and what an attacker writes there. */
interface Mutation {
  /** Part of the head: "Op 3". */
  record: string;
  name: string;
  at: number;
  bytes: number;
  value: bigint;
}

interface Target {
  blob: Uint8Array;
  headBytes: number;
  parts: number;
  fields: Omit<Mutation, "value">[];
}

/** A blob, and every field of its head by name. Padding counts too. */
function targetOf(program: Program): Target {
  const blob = writeBlob(program);
  const view = new DataView(blob.buffer);
  const count = (offset: number) => view.getUint16(offset, true);
  const fields: Target["fields"] = [];
  let at = 0;
  const add = (record: Parameters<typeof fieldsOf>[0], size: number, records: number) => {
    for (let i = 0; i < records; i++, at += size) {
      for (const { name, offset, bytes } of fieldsOf(record)) {
        fields.push({ record: `${record} ${i}`, name, at: at + offset, bytes });
      }
    }
  };
  add("Header", HEADER_BYTES, 1);
  add("Part", PART_BYTES, count(HEADER.partCount));
  add("Tensor", TENSOR_BYTES, count(HEADER.tensorCount));
  add("Op", OP_BYTES, count(HEADER.opCount));
  const ports = view.getUint8(HEADER.inputCount) + view.getUint8(HEADER.outputCount);
  for (let i = 0; i < ports; i++, at += 2) fields.push({ record: "Ports", name: `${i}`, at, bytes: 2 });
  const headBytes = view.getUint32(HEADER.headBytes, true);
  for (; at < headBytes - 4; at++) fields.push({ record: "Padding", name: `${at}`, at, bytes: 1 });
  return { blob, headBytes, parts: count(HEADER.partCount), fields };
}

function read(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
  return value;
}

/** The blob with other values in some fields, and right checksums. */
function mutated({ blob, headBytes, parts }: Target, mutations: Mutation[]): Uint8Array {
  const bytes = blob.slice();
  for (const { at, bytes: size, value } of mutations) {
    for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
  return seal(bytes, headBytes, parts);
}

/** What an attacker tries in a field that holds `found`: small codes, neighbours, sign edges, ends. */
function values(found: bigint, bytes: number): bigint[] {
  const bits = 8n * BigInt(bytes);
  const all = 1n << bits;
  const half = all >> 1n;
  const small = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 16n, 255n];
  const near = [-16n, -1n, 1n, 16n, half].map((step) => found + step);
  const edges = [half - 1n, half, half + 1n, all - 1n, all - 16n, all - 4096n, 1n << 20n, (1n << 20n) + 1n];
  return [...new Set([...small, ...near, ...edges].map((value) => BigInt.asUintN(Number(bits), value)))].filter(
    (value) => value !== found,
  );
}

/** What the work area holds at first. */
const PATTERN = Uint8Array.from({ length: MEMORY }, (_, i) => i * 167 + (i >> 8));

/**
 * Opens `bytes` and runs all ops, in exactly planned memory, between canaries or up to the end of memory; twice, with other
 * bytes all around. Whatever the blob says, nothing traps, nothing outside the work area changes, and what lies outside
 * makes no difference. `program` is what the reader has made of `bytes`, if it took them. Returns the status of `open`.
 */
function attack(
  at: Machine,
  bytes: Uint8Array,
  headBytes: number,
  way: (typeof WAYS)[number],
  program?: Program,
): Status {
  const image = way === "resident" ? bytes : bytes.subarray(0, headBytes);
  const view = new DataView(bytes.buffer);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const memory = at.memory();
  at.flash = way === "resident" ? undefined : bytes;
  at.reads.length = 0;
  const rows = Math.min(ROWS, program?.maxRows ?? ROWS);
  const opCount = view.getUint16(HEADER.opCount, true);
  const behind = BLOB_AT + Math.ceil(image.length / 16) * 16;

  memory.fill(0);
  memory.set(image, BLOB_AT);
  const scratch = at.plan(BLOB_AT, image.length, rows);
  if (scratch < 0) {
    expect(at.open(BLOB_AT, image.length, behind, MEMORY - behind, rows)).toBe(-scratch);
    expect(STATUS[at.invoke(0, opCount, rows)]).toBe("NotOpen");
    return STATUS[-scratch]!;
  }
  const workBytes = u32(HEADER.arenaFixed) + u32(HEADER.arenaPerRow) * rows + scratch;
  if (workBytes > MEMORY - behind - 512) {
    expect(STATUS[at.open(BLOB_AT, image.length, behind, MEMORY - behind, rows)]).toBe("BadMemory");
    return "BadMemory";
  }

  const results: Uint8Array[] = [];
  for (const [work, canary] of [
    [behind, 0x5a],
    [behind + 256, 0xa5],
    [(MEMORY - workBytes) & ~15, 0xff],
  ] as const) {
    memory.fill(canary);
    memory.set(image, BLOB_AT);
    memory.set(PATTERN.subarray(0, workBytes), work);
    const before = memory.slice();
    if (workBytes > 0) expect(STATUS[at.open(BLOB_AT, image.length, work, workBytes - 1, rows)]).toBe("BadMemory");
    const status = STATUS[at.open(BLOB_AT, image.length, work, workBytes, rows)];
    const runs: Status[] = [];
    for (let op = 0; op < opCount; op++) runs.push(step(op));
    expect(Buffer.compare(memory.subarray(0, work), before.subarray(0, work)), "bytes before the work area").toBe(0);
    const end = work + workBytes;
    expect(Buffer.compare(memory.subarray(end), before.subarray(end)), "bytes behind the work area").toBe(0);
    if (status !== "Ok") {
      expect(runs.every((run) => run === "NotOpen")).toBe(true);
      return status!;
    }
    expect(runs.every((run) => run === "Ok" || run === "ReadFailed")).toBe(true);
    results.push(memory.slice(work, end - scratch));

    /** Runs an op; if the reader has taken the blob, the reference must make the same of what the op found in the arena. */
    function step(op: number): Status {
      if (!program) return STATUS[at.invoke(op, op + 1, rows)]!;
      const { input, output } = program.ops[op]!;
      const tensors = program.tensors.map(({ channels }) => new Int32Array(rows * channels));
      tensors[input]!.set(elementsAt(memory, work, program.tensors[input]!, rows));
      invoke(program, tensors, rows, op, op + 1);
      const run = STATUS[at.invoke(op, op + 1, rows)]!;
      expectSame(elementsAt(memory, work, program.tensors[output]!, rows), tensors[output]!, `op ${op}`);
      return run;
    }
  }
  for (const result of results)
    expect(Buffer.compare(result, results[0]!), "what surrounds it makes no difference").toBe(0);
  return "Ok";
}

/** What the reference takes as the elements of a tensor; a float by its bits, so NaNs too. */
function elementsAt(memory: Uint8Array, arena: number, tensor: Tensor, rows: number): Int32Array {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const elements: number[] = [];
  for (let row = 0; row < rows; row++) {
    const at = arena + tensor.fixed + tensor.perRow * rows + rowStride(tensor) * row;
    for (let c = 0; c < tensor.channels; c++) {
      const word = () => view.getInt32(at + 4 * c, true);
      switch (tensor.dtype) {
        case "bit":
          elements.push((memory[at + (c >> 3)]! >> (c & 7)) & 1 ? -1 : 1);
          break;
        case "u8":
          elements.push(memory[at + c]!);
          break;
        case "i8":
          elements.push(view.getInt8(at + c));
          break;
        case "i16":
          elements.push(view.getInt16(at + 2 * c, true));
          break;
        case "i32":
          elements.push(word());
          break;
        case "f32":
          elements.push(word() ^ ((word() >> 31) & 0x7fffffff));
          break;
      }
    }
  }
  return Int32Array.from(elements);
}

/** The reader's program, or undefined where it refuses the blob; anything but BlobError is a failure. */
function readOrRefuse(bytes: Uint8Array): Program | undefined {
  try {
    return readBlob(bytes);
  } catch (error) {
    if (error instanceof BlobError) return undefined;
    throw error;
  }
}

function attackBothWays(at: Machine, target: Target, mutations: Mutation[]): void {
  const bytes = mutated(target, mutations);
  const program = readOrRefuse(bytes);
  for (const way of WAYS) {
    const status = attack(at, bytes, target.headBytes, way, program);
    if (program && status !== "Ok") expect(status, "what the reader takes, the module opens").toBe("BadMemory");
  }
}

function describing(mutations: Mutation[]): string {
  return mutations.map(({ record, name, value }) => `${record}, ${name} = ${value}`).join("; ");
}

/** Mutants that an engine gets: all in V8, a part in engines where a call costs more. */
const share = (engine: Engine) => (engine.name === "v8" ? 1 : 16);

describeModules("an attacker who recomputes checksums", (engine, module) => {
  let at: Machine;
  beforeAll(async () => {
    at = await machine(engine, module, MEMORY);
  });

  const programs = packingsOf(module).includes("pair4") ? { ...SMALL, ...PACKED } : SMALL;
  describe.each(Object.entries(programs))("%s", (_, program) => {
    const target = targetOf(program);

    it("is a blob to begin with", () => {
      const program = readBlob(target.blob);
      for (const way of WAYS) expect(attack(at, target.blob, target.headBytes, way, program)).toBe("Ok");
    });

    it("and writes one field", () => {
      let count = 0;
      for (const field of target.fields) {
        for (const value of values(read(target.blob, field.at, field.bytes), field.bytes)) {
          if (count++ % share(engine)) continue;
          const mutation = { ...field, value };
          try {
            attackBothWays(at, target, [mutation]);
          } catch (error) {
            (error as Error).message = `${describing([mutation])}: ${(error as Error).message}`;
            throw error;
          }
        }
      }
    });

    it("and writes some fields, of one record or of any", () => {
      const mutationOf = (fields: Target["fields"]) =>
        fc
          .record({ index: fc.nat(fields.length - 1), choice: fc.nat(), random: fc.bigInt(0n, 2n ** 64n - 1n) })
          .map(({ index, choice, random }): Mutation => {
            const field = fields[index]!;
            const choices = values(read(target.blob, field.at, field.bytes), field.bytes);
            const value = choices[choice % (choices.length + 4)] ?? BigInt.asUintN(8 * field.bytes, random);
            return { ...field, value };
          });
      const ops = program.ops.map((_, i) => target.fields.filter(({ record }) => record === `Op ${i}`));
      const groups = [...ops, target.fields];
      const mutations = fc.oneof(
        ...groups.map((fields) => fc.array(mutationOf(fields), { minLength: 2, maxLength: 3 })),
      );
      fc.assert(
        fc.property(mutations, (each) => attackBothWays(at, target, each)),
        { numRuns: Math.ceil(5000 / share(engine)) },
      );
    });

    it("and writes any bytes into the weights", () => {
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat(255)), fc.boolean(), (stream, all) => {
          const bytes = target.blob.slice();
          const next = (): number => stream.next().value;
          for (let i = target.headBytes; i < bytes.length; i++) if (all || next() < 16) bytes[i] = next();
          seal(bytes, target.headBytes, target.parts);
          const program = readOrRefuse(bytes);
          for (const way of WAYS) expect(attack(at, bytes, target.headBytes, way, program)).toBe("Ok");
        }),
        { numRuns: Math.ceil(100 / share(engine)) },
      );
    });
  });

  // Found by the properties above, or by reading: each once made the module read behind its tiles.
  it.each<[string, Record<string, number>]>([
    ["scores of a dense, with the steps of thresholds", { "Op 1, post": 4, "Op 1, count": 255 }],
    ["scores of a quantize, with the steps of thresholds", { "Op 0, post": 4, "Op 0, count": 255 }],
    [
      "an argmax whose channels share the last record of all",
      { "Op 3, tileChannels": 3, "Op 3, recordStep": 0, "Op 3, tileBytes": 16, "Op 3, weights": -16 },
    ],
  ])("%s", (_, changes) => {
    const target = targetOf(Object.values(SMALL)[0]!);
    const mutations = Object.entries(changes).map(([where, value]): Mutation => {
      const field = target.fields.find(({ record, name }) => `${record}, ${name}` === where)!;
      return { ...field, value: BigInt(value < 0 ? target.blob.length + value : value) };
    });
    attackBothWays(at, target, mutations);
  });
});
