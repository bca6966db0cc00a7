/** Errnos of WASI preview 1. */
const ERRNO = { again: 6, badf: 8, isdir: 31, noent: 44 } as const;
const STDIN = 0;
const FILE = 9;
const FIRST_FOLDER = 3;

/** What a command finds around it. Everything may be asked for or taken in pieces. */
export interface World {
  args: string[];
  /** Names of the folders that are open. All hold the same files. */
  folders?: string[];
  files: Record<string, Uint8Array>;
  /** Its size, where it is not that of the bytes. */
  fileBytes?: bigint;
  input?: Uint8Array;
  /** Most bytes that a call may read, write; unlimited if not given. */
  readBytes?: number;
  writeBytes?: number;
  /** Every other call to read or write is to be made again. */
  again?: boolean;
  /** Calls of fd_read on the input, on the file, or of fd_write on the output that fail: from which on, and how. */
  failInput?: [call: number, errno: number];
  failFile?: [call: number, errno: number];
  failOutput?: [call: number, errno: number];
}

export interface FakeEnd {
  code: number;
  stdout: Uint8Array;
  stderr: string;
  /** Pages of memory when it ended. */
  pages: number;
  /** How often memory has grown. */
  growths: number;
  /** Calls of fd_read on the input. */
  reads: number;
}

class ProcExit {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

/** Runs a command in a WASI of plain arrays, whose memory the caller may limit by what the engine allows. A trap is thrown. */
export function runFake(module: WebAssembly.Module, world: World): FakeEnd {
  const { args, folders = ["."], files, input = new Uint8Array(0) } = world;
  const output: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  const calls = { input: 0, file: 0, output: 0, all: 0 };
  let [inputAt, fileAt] = [0, 0];
  let file = new Uint8Array(0);
  let growths = 0;
  let buffer: ArrayBuffer | undefined;
  const view = () => {
    const now = (instance.exports.memory as WebAssembly.Memory).buffer;
    if (buffer && now !== buffer) growths++;
    buffer = now;
    return new DataView(now);
  };
  const bytesAt = (at: number, bytes: number) => new Uint8Array(view().buffer, at >>> 0, bytes >>> 0);
  const u32 = (at: number, value: number) => view().setUint32(at >>> 0, value, true);
  const textAt = (at: number, bytes: number) => Buffer.from(bytesAt(at, bytes)).toString("latin1");
  const store = (at: number, text: string) => bytesAt(at, text.length).set(Buffer.from(text, "latin1"));
  const fails = (call: number, failure?: [number, number]) => (failure && call >= failure[0] ? failure[1] : 0);
  const later = () => world.again && calls.all++ % 2 === 0;

  const wasi = {
    args_sizes_get(count: number, bytes: number) {
      u32(count, args.length);
      u32(
        bytes,
        args.reduce((sum, arg) => sum + arg.length + 1, 0),
      );
      return 0;
    },
    args_get(pointers: number, strings: number) {
      let at = strings;
      args.forEach((arg, i) => {
        u32(pointers + 4 * i, at);
        store(at, `${arg}\0`);
        at += arg.length + 1;
      });
      return 0;
    },
    fd_prestat_get(fd: number, prestat: number) {
      const name = folders[fd - FIRST_FOLDER];
      if (name === undefined) return ERRNO.badf;
      u32(prestat, 0);
      u32(prestat + 4, name.length);
      return 0;
    },
    fd_prestat_dir_name(fd: number, at: number, bytes: number) {
      store(at, folders[fd - FIRST_FOLDER]!.slice(0, bytes));
      return 0;
    },
    path_open(_folder: number, _lookup: number, path: number, bytes: number, ...rest: unknown[]) {
      const found = files[textAt(path, bytes)];
      if (!found) return ERRNO.noent;
      file = new Uint8Array(found);
      u32(rest.at(-1) as number, FILE);
      return 0;
    },
    fd_filestat_get(fd: number, stat: number) {
      if (fd !== FILE) return ERRNO.badf;
      bytesAt(stat, 64).fill(0);
      view().setUint8(stat + 16, 4);
      view().setBigUint64(stat + 32, world.fileBytes ?? BigInt(file.length), true);
      return 0;
    },
    fd_read(fd: number, iovs: number, count: number, read: number) {
      if (later()) return ERRNO.again;
      const isInput = fd === STDIN;
      const error = isInput ? fails(calls.input++, world.failInput) : fails(calls.file++, world.failFile);
      if (error) return error;
      if (count !== 1) return ERRNO.badf;
      const [from, at] = isInput ? [input, inputAt] : [file, fileAt];
      const to = bytesAt(view().getUint32(iovs, true), view().getUint32(iovs + 4, true));
      const bytes = Math.min(to.length, from.length - at, world.readBytes ?? Infinity);
      to.set(from.subarray(at, at + bytes));
      if (isInput) inputAt += bytes;
      else fileAt += bytes;
      u32(read, bytes);
      return 0;
    },
    fd_write(fd: number, iovs: number, count: number, written: number) {
      if (later()) return ERRNO.again;
      const error = fd === 1 ? fails(calls.output++, world.failOutput) : 0;
      if (error) return error;
      if (count !== 1) return ERRNO.badf;
      const all = bytesAt(view().getUint32(iovs, true), view().getUint32(iovs + 4, true));
      const part = all.slice(0, Math.min(all.length, world.writeBytes ?? Infinity));
      (fd === 1 ? output : errors).push(part);
      u32(written, part.length);
      return 0;
    },
    proc_exit(code: number) {
      throw new ProcExit(code);
    },
  };
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi });
  let code = 0;
  try {
    (instance.exports._start as () => void)();
  } catch (error) {
    if (!(error instanceof ProcExit)) throw error;
    code = error.code;
  }
  const pages = view().buffer.byteLength / 65_536;
  const stderr = Buffer.concat(errors).toString("latin1");
  return { code, stdout: new Uint8Array(Buffer.concat(output)), stderr, pages, growths, reads: calls.input };
}
