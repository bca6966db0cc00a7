import fc from "fast-check";
import { HEADER, HEADER_BYTES, OP_BYTES, PART_BYTES, TENSOR_BYTES } from "../../host/blob/layout.ts";
import { writeBlob } from "../../host/blob/write.ts";
import type { Program } from "../../host/program.ts";
import { fieldsOf } from "../blob/spec.ts";
import { seal } from "./machine.ts";

// What an attacker does to a blob who recomputes checksums: what every reader of blobs must stand.

/** A field of a head. */
interface Field {
  /** Part of the head: "Op 3". */
  record: string;
  name: string;
  at: number;
  bytes: number;
}

/** What an attacker writes into it. */
export interface Mutation extends Field {
  value: bigint;
}

/** A blob, and every field of its head. */
export interface Target {
  blob: Uint8Array;
  headBytes: number;
  parts: number;
  fields: Field[];
}

/** A blob, and every field of its head by name. Padding counts too. */
export function targetOf(program: Program): Target {
  const blob = writeBlob(program);
  const view = new DataView(blob.buffer);
  const count = (offset: number) => view.getUint16(offset, true);
  const fields: Target["fields"] = [];
  let at = 0;
  const add = (record: Parameters<typeof fieldsOf>[0], size: number, records: number) => {
    const all = fieldsOf(record);
    for (let i = 0; i < records; i++, at += size) {
      for (const { name, offset, bytes } of all) {
        fields.push({ record: `${record} ${i}`, name, at: at + offset, bytes });
      }
    }
  };
  add("Header", HEADER_BYTES, 1);
  add("Part", PART_BYTES, count(HEADER.partCount));
  add("Tensor", TENSOR_BYTES, count(HEADER.tensorCount));
  add("Op", OP_BYTES, count(HEADER.opCount));
  const ports = view.getUint8(HEADER.inputCount) + view.getUint8(HEADER.outputCount);
  for (let i = 0; i < ports; i++, at += 2) fields.push({ record: `Ports ${i}`, name: "tensor", at, bytes: 2 });
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
export function mutated({ blob, headBytes, parts }: Target, mutations: Mutation[]): Uint8Array {
  const bytes = blob.slice();
  for (const { at, bytes: size, value } of mutations) {
    for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
  return seal(bytes, headBytes, parts);
}

/** What an attacker tries in a field: small codes, neighbours of what it holds, sign edges, ends. */
export function valuesFor(blob: Uint8Array, { at, bytes }: Field): bigint[] {
  const found = read(blob, at, bytes);
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

/** Every field of the head with every value. */
export function singleMutations({ blob, fields }: Target): Mutation[] {
  return fields.flatMap((field) => valuesFor(blob, field).map((value) => ({ ...field, value })));
}

/** Two or three fields at a time, of one op's record or of any. */
export function someMutations({ blob, fields }: Target): fc.Arbitrary<Mutation[]> {
  const mutationOf = (from: Field[]) =>
    fc
      .record({ index: fc.nat(from.length - 1), choice: fc.nat(), random: fc.bigInt(0n, 2n ** 64n - 1n) })
      .map(({ index, choice, random }): Mutation => {
        const field = from[index]!;
        const choices = valuesFor(blob, field);
        const value = choices[choice % (choices.length + 4)] ?? BigInt.asUintN(8 * field.bytes, random);
        return { ...field, value };
      });
  const records = new Set(fields.map(({ record }) => record).filter((record) => record.startsWith("Op ")));
  const groups = [...[...records].map((own) => fields.filter(({ record }) => record === own)), fields];
  return fc.oneof(...groups.map((from) => fc.array(mutationOf(from), { minLength: 2, maxLength: 3 })));
}

/** Any bytes behind the head: all of them, or one in sixteen. Checksums are right. */
export function anyWeights({ blob, headBytes, parts }: Target): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.infiniteStream(fc.nat(255)), fc.boolean()).map(([stream, all]) => {
    const bytes = blob.slice();
    const next = (): number => stream.next().value;
    for (let i = headBytes; i < bytes.length; i++) if (all || next() < 16) bytes[i] = next();
    return seal(bytes, headBytes, parts);
  });
}

/** Found by the above, or by reading: each once made the module read behind its tiles, or the library write to address 0. Of the first program of SMALL. */
export const FOUND_ONCE: [string, Record<string, number>][] = [
  ["scores of a dense, with the steps of thresholds", { "Op 1, post": 4, "Op 1, count": 255 }],
  ["scores of a quantize, with the steps of thresholds", { "Op 0, post": 4, "Op 0, count": 255 }],
  [
    "an argmax whose channels share the last record of all",
    { "Op 3, tileChannels": 3, "Op 3, recordStep": 0, "Op 3, tileBytes": 16, "Op 3, weights": -16 },
  ],
  ["an input that does not exist", { "Ports 0, tensor": 99 }],
  ["the first index that stands for no input", { "Ports 0, tensor": 5 }],
  ["an output that does not exist", { "Ports 1, tensor": 0xffff }],
  ["no input, but one output more", { "Header 0, inputCount": 0, "Header 0, outputCount": 2 }],
  ["no output, but one input more", { "Header 0, inputCount": 2, "Header 0, outputCount": 0 }],
];

/** Mutations by the names of their fields; a value below 0 counts from the blob's end. */
export function mutationsOf({ blob, fields }: Target, changes: Record<string, number>): Mutation[] {
  return Object.entries(changes).map(([where, value]): Mutation => {
    const field = fields.find(({ record, name }) => `${record}, ${name}` === where)!;
    return { ...field, value: BigInt(value < 0 ? blob.length + value : value) };
  });
}

export function describing(mutations: Mutation[]): string {
  return mutations.map(({ record, name, value }) => `${record}, ${name} = ${value}`).join("; ");
}
