import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { ByteSource } from "../byte_source.ts";
import { checkCount } from "../elements.ts";
import type { StoredTensor, WeightsFile } from "../weights_file.ts";
import { BLOCKS, type BlockType, UNREAD } from "./blocks.ts";
import { type GgufTensor, readHeader } from "./header.ts";

/** Weights of a tensor are read in parts of so many bytes. */
const PART_BYTES = 2 ** 22;

/** The tensors of a GGUF file, each of which is read when it is asked for. Throws CheckpointError. */
export function openGguf(file: ByteSource): WeightsFile {
  const { tensors, alignment, architecture } = readHeader(file);
  const entries = tensors.map((tensor): [string, StoredTensor] => {
    const { name, dims, type } = tensor;
    const block = BLOCKS[type];
    checkRoom(tensor, block, alignment);
    const read = () => readBlocks(file, tensor, block);
    return [name, { dims, type: block?.name ?? UNREAD[type] ?? `type ${type}`, read }];
  });
  const unread = entries.filter((_, i) => !BLOCKS[tensors[i]!.type]);
  const notes = [`a model of the kind "${shown(architecture || "unknown")}"`];
  if (unread.length > 0) {
    const types = [...new Set(unread.map(([, { type }]) => type))].join(", ");
    notes.push(`${unread.length} of ${entries.length} tensors are stored as ${types}, which are not read`);
  }
  return { format: "gguf", tensors: new Map(entries), notes };
}

function bytesOf({ count }: GgufTensor, { weights, bytes, tail = 0 }: BlockType): number {
  return (count / weights) * bytes + tail;
}

/** The type's number alone does not tell a type: it has to fit the bytes that are there, but for what aligns the next tensor. */
function checkRoom(tensor: GgufTensor, block: BlockType | undefined, alignment: number): void {
  if (!block) return;
  const { name, dims, count, room } = tensor;
  const where = `tensor "${shown(name)}"`;
  const row = dims.at(-1) ?? 1;
  if (row % block.weights !== 0) {
    throw new CheckpointError(`${where}: rows of ${row} as ${block.name}, expected a multiple of ${block.weights}`);
  }
  const expected = bytesOf(tensor, block);
  if (room >= expected && room - expected < alignment) return;
  throw new CheckpointError(
    `${where}: ${room} bytes, expected ${expected} for ${count} weights as ${block.name}, filled up to a multiple of ${alignment}`,
  );
}

function readBlocks(file: ByteSource, tensor: GgufTensor, block: BlockType | undefined): Float64Array {
  const { name, type, count, at } = tensor;
  const where = `tensor "${shown(name)}"`;
  if (!block) {
    const kind = UNREAD[type] ?? `type ${type}`;
    const why = kind.includes("TL")
      ? ", whose tiles depend on the kernel that it was made for, which the file does not tell"
      : "";
    const known = Object.values(BLOCKS).map((each) => each.name);
    throw new CheckpointError(`${where}: stored as ${kind}${why}, expected ${known.join(", ")}`);
  }
  checkCount(count, where);
  const data = new Float64Array(count);
  const { weights, bytes, tail = 0 } = block;
  const blocks = count / weights;
  const perPart = Math.max(1, Math.floor(PART_BYTES / bytes));
  const end = file.read(at + blocks * bytes, tail);
  for (let first = 0; first < blocks; first += perPart) {
    const some = Math.min(perPart, blocks - first);
    const part = new Uint8Array(some * bytes + tail);
    part.set(file.read(at + first * bytes, some * bytes));
    part.set(end, some * bytes);
    const view = new DataView(part.buffer);
    for (let i = 0; i < some; i++) {
      const problem = block.read(view, i * bytes, data, (first + i) * weights, some * bytes);
      if (problem)
        throw new CheckpointError(`${where}: block ${first + i} of ${block.name}: ${problem}, expected 00, 01 or 10`);
    }
  }
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad < 0) return data;
  throw new CheckpointError(`${where}: element ${bad} is ${data[bad]}, expected a finite number`);
}
