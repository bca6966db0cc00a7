import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { InputError } from "../../host/base/errors.ts";
import { asInputError } from "../../host/base/file_errors.ts";
import type { ByteSource } from "../../host/checkpoint/byte_source.ts";

/** A file of any size, of which parts are read as they are asked for, until it is closed. */
export interface FileSource extends ByteSource {
  close(): void;
}

/** Opens a regular file. Throws InputError. */
export function openFileSource(path: string): FileSource {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw asInputError(error, `${path}: cannot be read`);
  }
  const { size } = fstatSync(file);
  return {
    bytes: size,
    read(at, count) {
      const part = new Uint8Array(count);
      for (let got = 0; got < count; ) {
        const more = readSync(file, part, got, count - got, at + got);
        if (more === 0)
          throw new InputError(`${path}: ended at byte ${at + got}, expected ${size} bytes: it was cut meanwhile`);
        got += more;
      }
      return part;
    },
    close: () => closeSync(file),
  };
}
