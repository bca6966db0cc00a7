import { describe, expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import { mulberry32 } from "../../host/numbers/random.ts";
import { cpuMilliseconds } from "../cpu.ts";
import { seedCount } from "../seeds.ts";

const MUTATIONS = 10_000;

/** No file, however small, takes so long. */
const MAX_MS = 1000;

/** A suite that cuts a file at every byte, and changes some of its bytes, and looks that it is read or refused by a typed error, soon. */
export function hostile(format: string, file: Uint8Array, read: (bytes: Uint8Array) => void): void {
  const survives = (bytes: Uint8Array, what: string) => {
    const start = cpuMilliseconds();
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof TernError)) throw new Error(what, { cause: error });
    }
    expect(cpuMilliseconds() - start, what).toBeLessThan(MAX_MS);
  };

  describe(`hostile ${format} files`, () => {
    it("the file itself is read", () => read(file));

    it("a cut at every byte is survived", () => {
      for (let size = 0; size < file.length; size++) survives(file.subarray(0, size), `${size} bytes`);
    });

    it("changed bytes are survived", () => {
      for (let seed = 0; seed < seedCount(MUTATIONS); seed++) {
        const next = mulberry32(seed);
        const below = (end: number) => Math.floor(next() * end);
        const bytes = file.slice();
        for (let edits = 1 + below(4); edits > 0; edits--) {
          const at = below(bytes.length);
          const kind = below(4);
          if (kind < 2) bytes[at] = below(256);
          else if (kind === 2) bytes[at]! ^= 1 << below(8);
          else bytes.copyWithin(at, below(bytes.length), below(bytes.length));
        }
        survives(bytes, `seed ${seed}`);
      }
    });
  });
}
