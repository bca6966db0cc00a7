import fc from "fast-check";
import { expect, it } from "vitest";
import { BlobError } from "../../host/base/errors.ts";
import { HEADER_BYTES, PART, PART_BYTES } from "../../host/blob/layout.ts";
import { readBlob } from "../../host/blob/read.ts";
import { DEVICE_STATUS } from "../../host/firmware/link/protocol.ts";
import { LIBRARY } from "../../host/firmware/make/project.ts";
import { translate } from "../../host/firmware/make/wasm2c.ts";
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
} from "../module/mutations.ts";
import { SMALL, withGoldenPairs } from "../module/programs.ts";
import { describeUnless } from "../skip.ts";
import { scratch } from "../tools/tern.ts";
import { MODULE } from "./boards.ts";
import { compileC, hasProgram } from "./host_c.ts";

// The library on this machine, under the sanitizers, with every kind of hostile blob, in exactly the flash and the memory that it has.

const { put } = scratch();

/** Argument 1: a file of blobs, each behind its size in 4 bytes. Prints a line for each: statuses, pairs, calls of the two functions of the board. */
const MAIN = `
#include "tern.h"
#include "runtime.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { MOST_MEMORY = 1 << 20, PROBE = 1 << 16 };
static uint8_t *flash;
static uint32_t flash_bytes, reads, fed;
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  reads++;
  if (offset > flash_bytes || bytes > flash_bytes - offset) return 1;
  memcpy(to, flash + offset, bytes);
  return 0;
}
void board_feed_watchdog(void) { fed++; }
int main(int count, char **arguments) {
  (void)count;
  FILE *file = fopen(arguments[1], "rb");
  while (fread(&flash_bytes, 4, 1, file) == 1) {
    flash = malloc(flash_bytes);
    if (fread(flash, 1, flash_bytes, file) != flash_bytes) return 1;
    reads = fed = 0;
    const int checked = tern_check_blob(flash_bytes);
    uint8_t *memory = malloc(PROBE);
    int status = tern_plan(memory, PROBE, 1);
    free(memory);
    if (status == TERN_OK || (status == TERN_OUT_OF_MEMORY && tern_planned() <= MOST_MEMORY)) {
      memory = malloc(tern_planned());
      status = tern_open(memory, tern_planned(), 1);
    } else {
      memory = 0;
    }
    uint32_t pairs, wrong;
    const int tested = tern_self_test(&pairs, &wrong);
    const int runs = tern_run(1), none = tern_run(0);
    for (uint32_t i = 0; i < 256; i++) {
      uint8_t *input = tern_input(i, 1), *output = tern_output(i, 1);
      if (!input != !tern_input_bytes(i) || !output != !tern_output_bytes(i)) return 2;
      if (input) memset(input, 1, tern_input_bytes(i));
      if (output) memset(output, 1, tern_output_bytes(i));
    }
    if (none != (status == TERN_OK ? TERN_BAD_ROWS : TERN_NOT_OPEN)) return 3;
    printf("%d %d %d %u %u %d %u %u\\n", checked, status, tested, pairs, wrong, runs, reads, fed);
    tern_close();
    free(memory);
    free(flash);
  }
  return 0;
}
`;

interface Outcome {
  checked: number;
  opened: number;
  tested: number;
  pairs: number;
  wrong: number;
  run: number;
  reads: number;
  fed: number;
}

/** The reader's complaint; undefined where it takes the blob. */
function complaintOf(blob: Uint8Array): string | undefined {
  try {
    readBlob(blob);
    return undefined;
  } catch (error) {
    if (error instanceof BlobError) return error.message;
    throw error;
  }
}

describeUnless(hasProgram("gcc") ? undefined : "needs gcc", "the library, fed with", () => {
  const generated = translate(MODULE);
  let main: ((args: string[]) => string[]) | undefined;

  async function run(blobs: Uint8Array[]): Promise<Outcome[]> {
    main ??= compileC("gcc", await generated, MAIN, [...LIBRARY, "runtimes/runtime.h", "runtimes/wasm2c/wasm2c.c"]);
    const sizes = blobs.map((blob) => Buffer.from(Uint32Array.of(blob.length).buffer));
    const lines = main([put("blobs", Buffer.concat(blobs.flatMap((blob, i) => [sizes[i]!, blob])))]);
    expect(lines).toHaveLength(blobs.length);
    return lines.map((line) => {
      const [checked, opened, tested, pairs, wrong, run, reads, fed] = line.split(" ").map(Number) as number[];
      return { checked, opened, tested, pairs, wrong, run, reads, fed } as Outcome;
    });
  }

  /** Whatever a blob says: nothing outside its memory (the sanitizers), an answer to each call, work that its size explains; what the reader takes, runs. */
  async function expectSound(blobs: Uint8Array[], what: (index: number) => string): Promise<Outcome[]> {
    const outcomes = await run(blobs);
    for (const [i, outcome] of outcomes.entries()) {
      const blob = blobs[i]!;
      const { opened, tested, pairs, wrong, reads } = outcome;
      expect(wrong, what(i)).toBeLessThanOrEqual(pairs);
      expect(2 * pairs, what(i)).toBeLessThanOrEqual(blob.length);
      expect(reads, what(i)).toBeLessThanOrEqual((pairs + 4) * blob.length);
      if (opened !== 0) expect(tested, what(i)).toBe(12);
      if (complaintOf(blob) !== undefined || opened === DEVICE_STATUS.outOfMemory) continue;
      expect(outcome, what(i)).toMatchObject({ checked: 0, opened: 0, tested: 0, run: 0 });
    }
    return outcomes;
  }

  const targets = Object.values(SMALL).map((program) => targetOf(withGoldenPairs(program)));
  const first = targets[0]!;
  const share = targets.slice(0, 2); // the second has bits
  const mutants = (target: Target, all: Mutation[]) => all.map((mutation) => mutated(target, [mutation]));

  it("sound blobs, tells the watchdog as often as it should", { timeout: 120_000 }, async () => {
    const outcomes = await run(targets.map(({ blob }) => blob));
    for (const [i, { blob }] of targets.entries()) {
      const { ops } = readBlob(blob);
      const pieces = Math.ceil((blob.length - 8) / 64);
      expect(outcomes[i]).toMatchObject({ checked: 0, opened: 0, tested: 0, pairs: 2, wrong: 0, run: 0 });
      expect(outcomes[i]!.fed).toBe(pieces + 3 * ops.length); // two pairs, and a run
    }
  });

  it("any value in any field of the head", { timeout: 120_000 }, async () => {
    for (const target of share) {
      const all = singleMutations(target);
      await expectSound(mutants(target, all), (i) => describing([all[i]!]));
    }
  });

  it("some values in some fields, and any bytes behind the head", { timeout: 120_000 }, async () => {
    for (const target of share) {
      const each = fc.sample(someMutations(target), { numRuns: 1000, seed: 1 });
      await expectSound(
        each.map((mutations) => mutated(target, mutations)),
        (i) => describing(each[i]!),
      );
      await expectSound(fc.sample(anyWeights(target), { numRuns: 200, seed: 1 }), (i) => `bytes ${i}`);
    }
  });

  it("what was found once", { timeout: 120_000 }, async () => {
    const blobs = FOUND_ONCE.map(([, changes]) => mutated(first, mutationsOf(first, changes)));
    for (const { opened } of await expectSound(blobs, (i) => FOUND_ONCE[i]![0])) expect(opened).not.toBe(0);
  });

  it("a self-test that is not of this model, or not where it says: refused as by the reader", {
    timeout: 120_000,
  }, async () => {
    const record = HEADER_BYTES + PART_BYTES; // weights, then the self-test
    const selfTest = new DataView(first.blob.buffer).getUint32(record + PART.offset, true);
    const word = (name: string, at: number) => ({ record: "SelfTest", name, at, bytes: 4 });
    const claims = ["pairs", "inputs", "outputs"].map((name, i) => word(name, selfTest + 4 * i));
    const places = [word("offset", record + PART.offset), word("bytes", record + PART.bytes)];
    const all = singleMutations({ ...first, fields: [...claims, ...places] });
    const blobs = mutants(first, all);
    const outcomes = await expectSound(blobs, (i) => describing([all[i]!]));
    for (const [i, { opened, tested, pairs }] of outcomes.entries()) {
      expect(complaintOf(blobs[i]!), describing([all[i]!])).toBeDefined();
      const refused = { opened: 0, tested: DEVICE_STATUS.badBlob, pairs: 0 };
      expect({ opened, tested, pairs }, describing([all[i]!])).toEqual(refused);
    }
    expect(blobs.length).toBeGreaterThan(100);
  });

  it("pairs of no bytes, 2^32 − 16 of them, in a part of 2^32 − 1 bytes", { timeout: 120_000 }, async () => {
    const view = new DataView(first.blob.slice().buffer);
    const record = HEADER_BYTES + PART_BYTES;
    const selfTest = view.getUint32(record + PART.offset, true);
    const words = [2 ** 32 - 16, 0, 0];
    const mutations = [
      ...words.map((value, i) => ({ record: "", name: "", at: selfTest + 4 * i, bytes: 4, value: BigInt(value) })),
      { record: "", name: "", at: record + PART.bytes, bytes: 4, value: 2n ** 32n - 1n },
    ];
    const [outcome] = await expectSound([mutated(first, mutations)], () => "");
    expect(outcome).toMatchObject({ opened: 0, tested: DEVICE_STATUS.badBlob, pairs: 0 });
  });
});
