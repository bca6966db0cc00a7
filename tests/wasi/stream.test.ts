import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { writeBlob } from "../../host/blob/write.ts";
import { programOf } from "../module/programs.ts";
import { describeUnless } from "../skip.ts";
import { scratch } from "../tools/tern.ts";
import { describeCommands, start } from "./hosts.ts";

/** Bytes of input that go through each command; `npm run test:stream` sends 10 GB. */
const TOTAL = Number(process.env.TERN_STREAM_BYTES ?? 200e6);

/** An argmax of so many i32: the cheapest of models, so that the pipe is what works. */
const CHANNELS = 1000;

/** Samples that are sent again and again, and where each has its greatest element. */
const SAMPLES = 1024;
const PEAKS = Uint32Array.from({ length: SAMPLES }, (_, i) => (i * 37) % CHANNELS);

/** What memory of a process may grow by while it streams: buffers of the runtime. */
const SLACK = 4e6;

const missing = process.platform === "linux" ? undefined : "needs /proc, which tells the memory of a process";

describeUnless(missing, "flat memory", () =>
  describeCommands(`${TOTAL / 1e6} MB streamed through tern-cli`, (host, wasm) => {
    const { folder, put } = scratch();

    it(
      "give every answer in flat memory",
      async () => {
        const program = programOf(
          [
            ["i32", CHANNELS],
            ["i32", 1],
          ],
          [{ kind: "argmax", inputs: [0], output: 1 }],
        );
        put("argmax.tern", writeBlob(program));
        const block = new Int32Array(SAMPLES * CHANNELS);
        PEAKS.forEach((peak, i) => {
          block[i * CHANNELS + peak] = 1;
        });
        const bytes = new Uint8Array(block.buffer);
        const blocks = Math.ceil(TOTAL / bytes.length);

        const child = start(host, wasm, folder, ["argmax.tern"]);
        const errors: string[] = [];
        child.stderr!.on("data", (text) => errors.push(`${text}`));
        let answers = 0; // bytes
        let wrong = 0;
        const expected = new Uint8Array(PEAKS.buffer);
        child.stdout!.on("data", (found: Buffer) => {
          for (const byte of found) if (byte !== expected[answers++ % expected.length]) wrong++;
        });
        const ended = once(child, "close");
        const least = blocks >> 2; // by then the runtime has what it needs
        let early = 0;
        for (let i = 0; i < blocks; i++) {
          if (!child.stdin!.write(bytes)) await once(child.stdin!, "drain");
          if (i === least) early = peakMemory(child.pid!);
        }
        const late = peakMemory(child.pid!);
        child.stdin!.end();
        const [code] = await ended;
        expect([code, errors.join("")]).toEqual([0, ""]);
        expect([answers, wrong]).toEqual([4 * SAMPLES * blocks, 0]);
        expect(early).toBeGreaterThan(1e6);
        expect(late - early).toBeLessThan(SLACK);
      },
      60_000 + TOTAL / 1e4, // ms
    );
  }),
);

/** Bytes of memory that a process has had at most. */
function peakMemory(pid: number): number {
  return 1024 * Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmHWM:\s+(\d+) kB/)![1]);
}
