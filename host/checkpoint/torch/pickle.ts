import type { Cursor } from "../../base/cursor.ts";
import { CheckpointError } from "../../base/errors.ts";
import { shown } from "../../base/printable.ts";
import type { ElementName } from "../elements.ts";
import { MAX_TENSOR_AXES } from "../weights_file.ts";

// Python's pickles, protocols 2 to 5, as far as state dicts need them: https://github.com/python/cpython/blob/main/Lib/pickletools.py
// A pickle is a program for a stack machine, and may name any function of Python. This one knows those below and refuses all others by name.

/** What a pickle makes. Lists and tuples are arrays; dicts and OrderedDicts are maps. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | Global
  | Storage
  | TorchTensor;

/** A name of Python that is allowed. */
class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Elements in a row, which tensors share. */
export class Storage {
  readonly key: string;
  readonly type: ElementName;
  /** Elements. */
  readonly count: number;

  constructor(key: string, type: ElementName, count: number) {
    this.key = key;
    this.type = type;
    this.count = count;
  }
}

/** Element [i, j, …] is number offset + i · strides[0] + j · strides[1] + … of the storage. */
export class TorchTensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly dims: number[];
  readonly strides: number[];

  constructor(storage: Storage, offset: number, dims: number[], strides: number[]) {
    this.storage = storage;
    this.offset = offset;
    this.dims = dims;
    this.strides = strides;
  }
}

/** Instructions of one pickle, some tens of bytes each here; a tensor takes some forty. */
const MAX_INSTRUCTIONS = 2 ** 22;
/** Bytes of a line with a name. */
const MAX_LINE_BYTES = 512;
/** Bytes of an integer that counts something. */
const MAX_INTEGER_BYTES = 16;

const STORAGES: Record<string, ElementName> = {
  "torch.DoubleStorage": "f64",
  "torch.FloatStorage": "f32",
  "torch.HalfStorage": "f16",
  "torch.BFloat16Storage": "bf16",
  "torch.LongStorage": "i64",
  "torch.IntStorage": "i32",
  "torch.ShortStorage": "i16",
  "torch.CharStorage": "i8",
  "torch.ByteStorage": "u8",
  "torch.BoolStorage": "bool",
};

type Refuse = (found: string, expected: string) => CheckpointError;

/** What the allowed names do when they are called. */
const CALLS: Record<string, (args: Pickled[], refuse: Refuse) => Pickled> = {
  "collections.OrderedDict": ([pairs], refuse) => {
    if (pairs === undefined) return new Map();
    const isPairs = Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.length === 2);
    if (!isPairs) throw refuse("an OrderedDict of something", "one of pairs, or an empty one");
    return new Map(pairs as [Pickled, Pickled][]);
  },
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_parameter": ([tensor], refuse) => {
    if (tensor instanceof TorchTensor) return tensor;
    throw refuse("a parameter of no tensor", "a tensor");
  },
  "torch.Size": ([sizes], refuse) => {
    if (Array.isArray(sizes)) return sizes;
    throw refuse("a torch.Size of something", "a tuple");
  },
  "torch.device": () => null,
};

const ALLOWED = [...Object.keys(CALLS), ...Object.keys(STORAGES)];

function rebuildTensor([storage, offset, dims, strides]: Pickled[], refuse: Refuse): TorchTensor {
  if (!(storage instanceof Storage)) throw refuse("a tensor without a storage", "one");
  if (!isCount(offset)) throw refuse("a tensor without an offset", "a whole number");
  const isRank =
    Array.isArray(dims) && Array.isArray(strides) && dims.length === strides.length && dims.length <= MAX_TENSOR_AXES;
  if (!isRank || !dims.every(isCount) || !strides.every(isCount)) {
    throw refuse("a tensor without shape and strides", `as many of each, at most ${MAX_TENSOR_AXES}`);
  }
  return new TorchTensor(storage, offset, [...dims], [...strides]); // what follows may change the lists themselves
}

function isCount(value: Pickled | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** What a persistent id stands for: ("storage", type, key, device, elements), and None where storages were views of others. */
function storageOf(id: Pickled, refuse: Refuse): Storage {
  const [what, type, key, , count, view] = Array.isArray(id) ? id : [];
  const element = type instanceof Global && Object.hasOwn(STORAGES, type.name) ? STORAGES[type.name] : undefined;
  if (what === "storage" && element && typeof key === "string" && isCount(count) && (view ?? null) === null) {
    return new Storage(key, element, count);
  }
  throw refuse("a persistent id of another kind", "that of a whole storage");
}

/** Marks the stack. */
const MARK = Symbol("mark");

/** Runs the pickle that begins here, up to its end. `where` is what errors call it. Throws CheckpointError. */
export function unpickle(file: Cursor, where: string): Pickled {
  const stack: (Pickled | typeof MARK)[] = [];
  const memo = new Map<number, Pickled>();
  let at = file.offset;
  const refuse: Refuse = (found, expected) =>
    new CheckpointError(`${where}, byte ${at}: found ${found}, expected ${expected}`);
  const pop = (): Pickled => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw refuse("an instruction without its operand", "one on the stack");
    return value;
  };
  const top = (): Pickled => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const popMarked = (): Pickled[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw refuse("an instruction without its mark", "one on the stack");
    return (stack.splice(mark) as Pickled[]).slice(1);
  };
  const recall = (index: number): Pickled => {
    const value = memo.get(index);
    if (value === undefined) throw refuse(`memo ${index}, which nothing has set`, "one that is");
    return value;
  };
  const list = (value: Pickled): Pickled[] => {
    if (Array.isArray(value)) return value;
    throw refuse("an element of no list", "a list");
  };
  const setItems = (target: Pickled, items: Pickled[]) => {
    if (!(target instanceof Map) || items.length % 2 !== 0) throw refuse("items of no dict", "pairs and a dict");
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };
  const call = (callee: Pickled, args: Pickled): Pickled => {
    const run = callee instanceof Global && Object.hasOwn(CALLS, callee.name) ? CALLS[callee.name] : undefined;
    if (!run || !Array.isArray(args)) throw refuse("a call of what is no function", "one that is allowed");
    return run(args, refuse);
  };
  const global = (module: Pickled, name: Pickled): Global => {
    const whole = `${module}.${name}`;
    if (typeof module === "string" && typeof name === "string" && ALLOWED.includes(whole)) return new Global(whole);
    const advice = "plain tensors alone; in Python, torch.save(model.state_dict(), path) writes them";
    throw refuse(`"${shown(whole)}", which a file of weights does not need`, advice);
  };
  const line = (): string => {
    const bytes: number[] = [];
    for (let byte = file.u8(); byte !== 0x0a; byte = file.u8()) {
      if (bytes.push(byte) > MAX_LINE_BYTES)
        throw refuse(`a name of more than ${MAX_LINE_BYTES} bytes`, "a shorter one");
    }
    return textOf(Uint8Array.from(bytes));
  };
  const integer = (length: number): number => {
    if (length > MAX_INTEGER_BYTES) throw refuse(`an integer of ${length} bytes`, `at most ${MAX_INTEGER_BYTES}`);
    return signedOf(file.bytes(length));
  };
  const count = (): number => Number(file.u64());

  for (let done = 0; done < MAX_INSTRUCTIONS; done++) {
    at = file.offset;
    const code = file.u8();
    switch (code) {
      case 0x80: // PROTO
        if (file.u8() > 5) throw refuse("a protocol above 5", "2 to 5");
        break;
      case 0x95: // FRAME
        file.skip(8);
        break;
      case 0x2e: // STOP
        return pop();

      case 0x28: // MARK
        stack.push(MARK);
        break;
      case 0x30: // POP
        if (stack.pop() === undefined) throw refuse("an instruction without its operand", "one on the stack");
        break;
      case 0x31: // POP_MARK
        popMarked();
        break;
      case 0x32: // DUP
        stack.push(top());
        break;

      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
        stack.push(true);
        break;
      case 0x89: // NEWFALSE
        stack.push(false);
        break;
      case 0x4a: // BININT
        stack.push(file.i32());
        break;
      case 0x4b: // BININT1
        stack.push(file.u8());
        break;
      case 0x4d: // BININT2
        stack.push(file.u16());
        break;
      case 0x8a: // LONG1
        stack.push(integer(file.u8()));
        break;
      case 0x8b: // LONG4
        stack.push(integer(file.u32()));
        break;
      case 0x47: // BINFLOAT
        stack.push(bigEndianFloat(file.bytes(8)));
        break;
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        stack.push(textOf(file.bytes(file.u32())));
        break;
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING
        stack.push(textOf(file.bytes(file.u8())));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(textOf(file.bytes(count())));
        break;
      case 0x43: // SHORT_BINBYTES
        stack.push(file.bytes(file.u8()));
        break;
      case 0x42: // BINBYTES
        stack.push(file.bytes(file.u32()));
        break;
      case 0x8e: // BINBYTES8
        stack.push(file.bytes(count()));
        break;

      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        break;
      case 0x61: {
        // APPEND
        const value = pop();
        list(top()).push(value);
        break;
      }
      case 0x65: {
        // APPENDS
        const values = popMarked();
        const target = list(top());
        for (const value of values) target.push(value);
        break;
      }
      case 0x74: // TUPLE
        stack.push(popMarked());
        break;
      case 0x85: // TUPLE1
        stack.push([pop()]);
        break;
      case 0x86: // TUPLE2
        stack.push([pop(), pop()].reverse());
        break;
      case 0x87: // TUPLE3
        stack.push([pop(), pop(), pop()].reverse());
        break;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x73: {
        // SETITEM
        const item = [pop(), pop()].reverse();
        setItems(top(), item);
        break;
      }
      case 0x75: {
        // SETITEMS
        const items = popMarked();
        setItems(top(), items);
        break;
      }

      case 0x63: // GLOBAL
        stack.push(global(line(), line()));
        break;
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        stack.push(global(pop(), name));
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case 0x62: // BUILD: attributes of an OrderedDict, which PyTorch keeps versions in
        pop();
        if (!(top() instanceof Map)) throw refuse("a state of something", "that of a dict");
        break;
      case 0x51: // BINPERSID
        stack.push(storageOf(pop(), refuse));
        break;

      case 0x68: // BINGET
        stack.push(recall(file.u8()));
        break;
      case 0x6a: // LONG_BINGET
        stack.push(recall(file.u32()));
        break;
      case 0x71: // BINPUT
        memo.set(file.u8(), top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(file.u32(), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;

      default:
        throw refuse(`instruction 0x${code.toString(16).padStart(2, "0")}`, "one that a state dict needs");
    }
  }
  throw refuse(`more than ${MAX_INSTRUCTIONS} instructions`, "at most so many");
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Two's complement, the lowest byte first. */
function signedOf(bytes: Uint8Array): number {
  let value = 0n;
  for (const [i, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * i);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

function bigEndianFloat(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}
