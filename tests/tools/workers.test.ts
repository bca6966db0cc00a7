import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { DIGITS, digitsBlob, forgedDigits, IMAGES, LABELS, scratch, startTern, ternHere } from "./tern.ts";

const { put } = scratch();
const model = put("digits.tern", await digitsBlob());
/** What a command prints in one thread. In more it must print the same, but for times. */
async function expectSame(...args: string[]) {
  const untimed = (text: string) =>
    text.replace(/in [\d.]+ s, [\d,]+ samples a second/, "").replace(/"ms": [\d.]+/, '"ms": 0');
  const run = async (...options: string[]) => {
    const { code, stdout, stderr } = await ternHere(...args, ...options);
    return { code, stdout: untimed(stdout), stderr };
  };
  const expected = await run("--workers", "1");
  expect(await run("--workers", "3")).toEqual(expected);
  return expected;
}

/** Every worker compiles the modules of an engine: one engine shows how threads share the work. */
const VERIFY = ["verify", "--engine", "v8"];

/** Drawings of digits, 256 bytes each. */
const images = (rows: number, data = new Uint8Array(rows * 256)) =>
  writeNpy({ shape: [rows, 16, 16], dtype: "u8", data });

describe("any number of workers finds the same", () => {
  it("tern eval", async () => {
    const labels = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) % 10); // most are wrong: a full matrix
    const file = put("labels.npy", writeNpy({ shape: [1000], dtype: "u8", data: labels }));
    const args = ["eval", model, "--images", IMAGES, "--labels", file];
    expect((await expectSame(...args)).code).toBe(0);
    const { stdout } = await expectSame(...args, "--json", "--limit", "999");
    expect(JSON.parse(stdout)).toMatchObject({ samples: 999 });
  });

  it("tern verify", async () => {
    const { code, stdout } = await expectSame("verify", model, DIGITS, "--inputs", IMAGES, "--limit", "400");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^400 samples, 59,200 numbers compared/m);
    expect((await expectSame(...VERIFY, model, DIGITS, "--limit", "130")).code).toBe(0);
  });

  it("tern verify of a blob that differs", async () => {
    const forged = put("forged.tern", await forgedDigits());
    const { code, stdout } = await expectSame(
      ...VERIFY,
      forged,
      DIGITS,
      "--inputs",
      IMAGES,
      "--limit",
      "400",
      "--json",
    );
    expect(code).toBe(1);
    const { differences, sessions } = JSON.parse(stdout);
    expect(differences).toHaveLength(sessions.length);
    expect(differences[0]).toMatchObject({ what: "codes", channel: 5 });
  });

  it("tern verify of a blob that differs late", async () => {
    const rows = new Uint8Array(640 * 256); // all black, but one
    rows.set(
      Uint8Array.from({ length: 256 }, (_, i) => (i * 89) & 255),
      500 * 256,
    );
    const inputs = put("late.npy", images(640, rows));
    const program = readBlob(await digitsBlob());
    const op = program.ops[0]!;
    if (op.kind !== "dense") throw new Error("not dense");
    op.weights.subarray(0, 256).fill(1); // no matter where the picture is black
    const late = put("late.tern", writeBlob(program));
    const { code, stdout } = await expectSame(...VERIFY, late, DIGITS, "--inputs", inputs, "--json");
    expect(code).toBe(1);
    for (const difference of JSON.parse(stdout).differences)
      expect(difference).toMatchObject({ sample: 500, channel: 0 });
  });
});

describe("any number of workers ends with the same error", () => {
  const whole = images(640);
  const truncated = "163839 bytes of elements, expected 163840";
  it.each([
    ["a file that is cut in its last row", whole.subarray(0, -1), truncated],
    ["a file that goes on", Uint8Array.from([...whole, 0]), "more than 163840 bytes of elements"],
    [
      "a gzip file whose end is damaged",
      gzipSync(whole).map((byte, i, { length }) => (i === length - 6 ? byte ^ 1 : byte)),
      "gzip content has 163968 bytes with CRC",
    ],
    [
      "a last number that is none",
      writeNpy({ shape: [640, 256], dtype: "f32", data: new Float32Array(640 * 256).fill(Number.NaN, -1) }),
      "element [639, 255] is NaN",
    ],
    [
      "elements of another type",
      writeNpy({ shape: [640, 256], dtype: "i8", data: new Int8Array(640 * 256) }),
      "elements are i8, expected u8 (x = e / 255) or f32 (real numbers)",
    ],
  ])("%s", async (_, bytes, message) => {
    const labels = put("zeros.npy", writeNpy({ shape: [640], dtype: "u8", data: new Uint8Array(640) }));
    const { code, stdout, stderr } = await expectSame("eval", model, "--images", put("bad", bytes), "--labels", labels);
    expect(stderr).toMatch(/^tern: [^\n]*\n$/);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("a file that is cut behind the limit: it is read to its end to know that it is whole", async () => {
    const inputs = put("cut.npy", whole.subarray(0, -1));
    const { code, stdout, stderr } = await expectSame(...VERIFY, model, DIGITS, "--inputs", inputs, "--limit", "100");
    expect(stderr).toContain(truncated);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("more pictures than labels", async () => {
    const { stderr } = await expectSame("eval", model, "--images", put("black.npy", whole), "--labels", LABELS);
    expect(stderr).toContain("labels of shape [1000], expected one for each of 640 samples");
  });
});

describe("tern with workers", () => {
  it.each(["0", "many", "257", ""])("refuses --workers %j", async (workers) => {
    for (const args of [
      ["eval", model, "--images", IMAGES, "--labels", LABELS],
      ["verify", model, DIGITS],
    ]) {
      const { code, stdout, stderr } = await ternHere(...args, `--workers=${workers}`);
      expect(stderr).toBe(`tern: --workers "${workers}", expected a whole number from 1 to 256\n`);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });

  it.skipIf(process.platform === "win32")("ends at Ctrl-C, while threads start and while they work", async () => {
    for (const ms of [150, 400, 1200]) {
      const child = startTern("verify", model, DIGITS, "--limit", "65536", "--workers", "3");
      await setTimeout(ms);
      child.kill("SIGINT");
      const start = performance.now();
      const [code, signal] = await once(child, "exit");
      expect({ code, signal }).toEqual({ code: null, signal: "SIGINT" });
      expect(performance.now() - start).toBeLessThan(2000);
    }
  });
});
