import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { STATUS, type Status } from "../../host/base/status.ts";
import { HEADER, HEADER_BYTES, OP_BYTES, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import type { Engine } from "../../host/engines/engine.ts";
import { orderKey } from "../../host/numbers/order.ts";
import type { Program, Tensor } from "../../host/program.ts";
import { invoke } from "../../host/reference/model.ts";
import { numberCount, positionBytes, positionCount, rowStride } from "../../host/shape.ts";
import { ALL_SEEDS } from "../seeds.ts";
import { describeModules, packingsOf, runsFloats } from "../variants.ts";
import { expectIs, expectSame, WAYS } from "./agree.ts";
import { type Machine, machine } from "./machine.ts";
import {
  anyWeights,
  describing,
  FOUND_ONCE,
  type Mutation,
  mutated,
  mutationsOf,
  singleMutations,
  someMutations,
  type Target,
  targetOf,
} from "./mutations.ts";
import { FLOATS, PACKED, SMALL, TRIT4 } from "./programs.ts";

const MEMORY = 65_536;
const BLOB_AT = 256;
const ROWS = 2;

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
    expectIs(at.open(BLOB_AT, image.length, behind, MEMORY - behind, rows), -scratch);
    expectIs(STATUS[at.invoke(0, opCount, rows)], "NotOpen");
    return STATUS[-scratch]!;
  }
  const workBytes = u32(HEADER.arenaFixed) + u32(HEADER.arenaPerRow) * rows + scratch;
  if (workBytes > MEMORY - behind - 512) {
    expectIs(STATUS[at.open(BLOB_AT, image.length, behind, MEMORY - behind, rows)], "BadMemory");
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
    if (workBytes > 0) expectIs(STATUS[at.open(BLOB_AT, image.length, work, workBytes - 1, rows)], "BadMemory");
    const status = STATUS[at.open(BLOB_AT, image.length, work, workBytes, rows)];
    const runs: Status[] = [];
    for (let op = 0; op < opCount; op++) runs.push(step(op));
    expectIs(Buffer.compare(memory.subarray(0, work), before.subarray(0, work)), 0, "bytes before the work area");
    const end = work + workBytes;
    expectIs(Buffer.compare(memory.subarray(end), before.subarray(end)), 0, "bytes behind the work area");
    if (status !== "Ok") {
      expectIs(
        runs.every((run) => run === "NotOpen"),
        true,
      );
      return status!;
    }
    expectIs(
      runs.every((run) => run === "Ok" || run === "ReadFailed"),
      true,
    );
    expectPorts(view);
    results.push(memory.slice(work, end - scratch));

    /** Runs an op; if the reader has taken the blob, the reference must make the same of what the op found in the arena. */
    function step(op: number): Status {
      if (!program) return STATUS[at.invoke(op, op + 1, rows)]!;
      const { inputs, output } = program.ops[op]!;
      const tensors = program.tensors.map((tensor) => new Int32Array(rows * numberCount(tensor)));
      for (const input of inputs) tensors[input]!.set(elementsAt(memory, work, program.tensors[input]!, rows));
      invoke(program, tensors, rows, op, op + 1);
      const run = STATUS[at.invoke(op, op + 1, rows)]!;
      expectSame(elementsAt(memory, work, program.tensors[output]!, rows), tensors[output]!, `op ${op}`);
      return run;
    }
  }
  for (const result of results)
    expectIs(Buffer.compare(result, results[0]!), 0, "what surrounds it makes no difference");
  return "Ok";
}

/** What hosts rely on of a blob that is open: there are inputs and outputs, and their tensors exist. */
function expectPorts(view: DataView): void {
  const [parts, tensors, ops] = [HEADER.partCount, HEADER.tensorCount, HEADER.opCount].map((at) =>
    view.getUint16(at, true),
  ) as [number, number, number];
  const counts = [view.getUint8(HEADER.inputCount), view.getUint8(HEADER.outputCount)] as const;
  expectIs(Math.min(...counts) > 0, true, "inputs, and outputs");
  const ports = HEADER_BYTES + parts * PART_BYTES + tensors * TENSOR_BYTES + ops * OP_BYTES;
  for (let i = 0; i < counts[0] + counts[1]; i++)
    expectIs(view.getUint16(ports + 2 * i, true) < tensors, true, "a port that is a tensor");
}

/** What the reference takes as the elements of a tensor; a float by its order key. */
function elementsAt(memory: Uint8Array, arena: number, tensor: Tensor, rows: number): Int32Array {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const elements: number[] = [];
  const positions = positionCount(tensor);
  for (let i = 0; i < rows * positions; i++) {
    const row = arena + tensor.fixed + tensor.perRow * rows + rowStride(tensor) * Math.floor(i / positions);
    const at = row + positionBytes(tensor) * (i % positions);
    if (tensor.dtype === "scaled8") elements.push(orderKey(view.getFloat32(at, true)));
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
        case "scaled8":
          elements.push(view.getInt8(at + 4 + c));
          break;
        case "i16":
          elements.push(view.getInt16(at + 2 * c, true));
          break;
        case "i32":
          elements.push(word());
          break;
        case "f32":
          elements.push(orderKey(view.getFloat32(at + 4 * c, true)));
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

/** Every so many of the mutants run: more in `npm run test:random`, for some five minutes; fewer in engines where a call costs more. */
const share = (engine: Engine) => (ALL_SEEDS ? 3 : 12) * (engine.name === "v8" ? 1 : 16);

describeModules("an attacker who recomputes checksums", (engine, module) => {
  let at: Machine;
  beforeAll(async () => {
    at = await machine(engine, module, MEMORY);
  });

  const packings = packingsOf(module);
  const programs = {
    ...SMALL,
    ...(runsFloats(module) && FLOATS),
    ...(packings.includes("pair4") && PACKED),
    ...(packings.includes("trit4") && TRIT4),
  };
  describe.each(Object.entries(programs))("%s", (_, program) => {
    const target = targetOf(program);

    it("is a blob to begin with", () => {
      const program = readBlob(target.blob);
      for (const way of WAYS) expect(attack(at, target.blob, target.headBytes, way, program)).toBe("Ok");
    });

    it("and writes one field", () => {
      for (const mutation of singleMutations(target).filter((_, i) => i % share(engine) === 0)) {
        try {
          attackBothWays(at, target, [mutation]);
        } catch (error) {
          (error as Error).message = `${describing([mutation])}: ${(error as Error).message}`;
          throw error;
        }
      }
    });

    it("and writes some fields, of one record or of any", () => {
      fc.assert(
        fc.property(someMutations(target), (each) => attackBothWays(at, target, each)),
        { numRuns: Math.ceil(5000 / share(engine)) },
      );
    });

    it("and writes any bytes into the weights", () => {
      fc.assert(
        fc.property(anyWeights(target), (bytes) => {
          const program = readOrRefuse(bytes);
          for (const way of WAYS) expect(attack(at, bytes, target.headBytes, way, program)).toBe("Ok");
        }),
        { numRuns: Math.ceil(100 / share(engine)) },
      );
    });
  });

  it.each(FOUND_ONCE)("%s", (_, changes) => {
    const target = targetOf(Object.values(SMALL)[0]!);
    attackBothWays(at, target, mutationsOf(target, changes));
  });
});
