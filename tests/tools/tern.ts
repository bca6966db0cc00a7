import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, type MockInstance, vi } from "vitest";
import { readBlob } from "../../host/blob/read.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { floatTensor, model, node, valueInfo } from "../../host/checkpoint/onnx/build.ts";
import { encodeModel } from "../../host/checkpoint/onnx/proto.ts";
import { type ConvertOptions, convert } from "../../host/convert.ts";
import type { runLine as RunLine } from "../../tools/command_line.ts";
import { PROJECT } from "../house/project_files.ts";

/** The compiled command, which `npm test` builds first. */
export const CLI = join(PROJECT, "dist", "tools", "cli.js");

export const DIGITS = join(PROJECT, "examples", "digits", "digits.onnx");
export const TEN = join(PROJECT, "examples", "digits", "inputs", "zero-to-nine.npy");
export const IMAGES = join(PROJECT, "examples", "digits", "inputs", "images-idx3-ubyte.gz");
export const LABELS = join(PROJECT, "examples", "digits", "inputs", "labels-idx1-ubyte.gz");

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `tern` as a person would. */
export function tern(...args: string[]): Ended {
  return ternWith({}, ...args);
}

/** The same, with environment variables. */
export function ternWith(env: Record<string, string>, ...args: string[]): Ended {
  const options = { encoding: "utf8", env: { ...process.env, NO_COLOR: "1", TERN_REQUIRE_ALL: "", ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], options);
  return { code: status, stdout, stderr };
}

/** The compiled command line: a worker thread is a file that Node runs. */
const { runLine } = (await import(join(PROJECT, "dist", "tools", "command_line.js"))) as {
  runLine: typeof RunLine;
};

/** The same as `tern` in this process, a tenth of the time: for all but how a process reads, ends and is interrupted. One at a time. */
export async function ternHere(...args: string[]): Promise<Ended> {
  const { NO_COLOR, TERN_REQUIRE_ALL } = process.env;
  const [out, err] = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];
  try {
    Object.assign(process.env, { NO_COLOR: "1", TERN_REQUIRE_ALL: "" });
    const [stdout, stderr] = [keep(out), keep(err)];
    await runLine(args);
    return { code: Number(process.exitCode ?? 0), stdout: stdout.join(""), stderr: stderr.join("") };
  } finally {
    out.mockRestore();
    err.mockRestore();
    process.exitCode = undefined;
    restore({ NO_COLOR, TERN_REQUIRE_ALL });
  }
}

/** What is written from now on, in place of writing it. */
function keep(write: MockInstance<typeof process.stdout.write>): string[] {
  const texts: string[] = [];
  write.mockImplementation((text) => texts.push(String(text)) > 0);
  return texts;
}

function restore(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** Starts `tern` without waiting for its end. */
export function startTern(...args: string[]) {
  return spawn(process.execPath, [CLI, ...args], { stdio: "ignore" });
}

/** A folder for the files of one suite, gone after it. */
export function scratch(): {
  path(name: string): string;
  put(name: string, content: Uint8Array | string): string;
  folder: string;
} {
  const folder = mkdtempSync(join(tmpdir(), "tern-tools-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);
  const put = (name: string, content: Uint8Array | string) => {
    writeFileSync(path(name), content);
    return path(name);
  };
  return { folder, path, put };
}

/** The blob of the example network. */
export async function digitsBlob(options: ConvertOptions = {}): Promise<Uint8Array> {
  return (await convert(readFileSync(DIGITS), { file: "digits.onnx", ...options })).blob;
}

/** The digits blob with one weight of its second layer changed, and all checksums right. */
export async function forgedDigits(): Promise<Uint8Array> {
  const program = readBlob(await digitsBlob());
  const op = program.ops[1]!;
  if (op.kind !== "dense") throw new Error("not dense");
  op.weights[64 * 5 + 7] = op.weights[64 * 5 + 7] === 0 ? 1 : 0;
  return writeBlob(program);
}

/**
 * A checkpoint: x (N, 4) → 4-bit codes → ternary 4-3 → what `end` says: sums, 4-bit codes, the index of the greatest, or sums and codes.
 * "sigmoid" cannot be converted. `mark` stands in every name.
 */
export function smallCheckpoint(end: "scores" | "codes" | "index" | "both" | "sigmoid", mark = ""): Uint8Array {
  const [x, q, w] = [`x${mark}`, `q${mark}`, `w${mark}`];
  const [sums, y, s] = [`sums${mark}`, `y${mark}`, `s${mark}`];
  const quant = (from: string, to: string) =>
    node(
      "Quant",
      [from, "half", "zero", "four"],
      to,
      { signed: 1n, narrow: 0n, rounding_mode: "ROUND" },
      "qonnx.custom_op.general",
    );
  const ends = {
    scores: [],
    codes: [quant(sums, y)],
    both: [quant(sums, y)],
    index: [node("ArgMax", [sums], y, { axis: 1n, keepdims: 0n })],
    sigmoid: [node("Sigmoid", [sums], s), quant(s, y)],
  };
  const outputs = { scores: [sums], codes: [y], index: [y], both: [sums, y], sigmoid: [y] };
  const graph = {
    name: `small${mark}`,
    node: [quant(x, q), node("MatMul", [q, w], sums), ...ends[end]],
    initializer: [
      floatTensor("half", [], [0.5]),
      floatTensor("zero", [], [0]),
      floatTensor("four", [], [4]),
      floatTensor(w, [4, 3], [1, 0, -1, 1, 1, 0, -1, 1, 1, 0, -1, 1]),
    ],
    input: [valueInfo(x, ["N", 4])],
    output: outputs[end].map((name) => valueInfo(name, [])),
  };
  return encodeModel(model(graph, { "": 13, "qonnx.custom_op.general": 1 }, { name: "tests", version: "1" }));
}

export async function smallBlob(
  end: "scores" | "codes" | "index" | "both",
  options: ConvertOptions = {},
): Promise<Uint8Array> {
  return (await convert(smallCheckpoint(end), { file: "small.onnx", ...options })).blob;
}
