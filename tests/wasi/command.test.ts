import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import wabt from "wabt";
import { COMMANDS as TABLE } from "../../host/base/builds.mjs";
import { UnsupportedError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import { repack } from "../../host/blob/repack.ts";
import { writeBlob } from "../../host/blob/write.ts";
import { convert } from "../../host/convert.ts";
import type { InputDtype } from "../../host/lower/input.ts";
import { sampleInputs } from "../../host/run/sample.ts";
import { loadReference } from "../../host/run/session.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { projectText, tableRows } from "../blob/spec.ts";
import { describeWith, MNIST_IMAGES, TFC } from "../data.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { PACKED, SMALL } from "../module/programs.ts";
import { randomOnnx } from "../random_graph.ts";
import { scratch, TEN, tern } from "../tools/tern.ts";
import { COMMANDS, commandPath, describeCommands, describeWasmtime, run, start, wasmtimeWith } from "./hosts.ts";
import { expectedOf, samplesOf } from "./rows.ts";

const README = projectText("assembly/wasi/README.md");

/** Exit codes of README.md, and the line that each writes. */
const CODES = tableRows(README, "code", "line").slice(1);

describe.each(COMMANDS)("build/%s.wasm", (name) => {
  it("keeps its ceiling, which is that of README.md", () => {
    const { bytes } = TABLE[name as keyof typeof TABLE];
    expect(statSync(commandPath(name)).size).toBeLessThanOrEqual(bytes);
    const listed = tableRows(README, "build", "bytes at most").find(([file]) => file === `${name}.wasm`)!;
    expect(Number(listed[1]!.replace(",", ""))).toBe(bytes);
  });

  it("is a command: exports _start and its memory, and imports WASI preview 1 alone", async () => {
    const wasm = new Uint8Array(readFileSync(commandPath(name))); // a copy, since small files share an ArrayBuffer
    const module = new WebAssembly.Module(wasm);
    expect(WebAssembly.Module.exports(module)).toEqual([
      { name: "_start", kind: "function" },
      { name: "memory", kind: "memory" },
    ]);
    expect(new Set(WebAssembly.Module.imports(module).map(({ module }) => module))).toEqual(
      new Set(["wasi_snapshot_preview1"]),
    );
    const { readWasm } = await wabt();
    const later = { mutable_globals: false, sat_float_to_int: false, sign_extension: false, bulk_memory: false };
    const features = { ...later, multi_value: false, reference_types: false, simd: name === "tern-cli-simd" };
    const text = readWasm(wasm, features).toText({ foldExprs: false, inlineExport: false });
    expect(text).not.toMatch(/\bf(32|64)\./);
    expect(/\bv128\./.test(text)).toBe(name === "tern-cli-simd");
  });
});

it("the exit codes and lines of README.md are those of failure.ts", () => {
  const source = projectText("assembly/wasi/failure.ts");
  const codes = [...source.matchAll(/^ {2}\w+ = (\d+),$/gm)].map(([, code]) => code);
  const lines = source.match(/const LINES = `([^`]*)\n`;/)![1]!.split("\n");
  expect(CODES.map(([code, line]) => [code, line])).toEqual(codes.map((code, i) => [code, lines[i]]));
});

describeCommands("tern-cli", (host, wasm) => {
  const { folder, put } = scratch();
  const runWith = (args: string[], input: Uint8Array = new Uint8Array(0)) => run(host, wasm, folder, args, input);
  let digits: Uint8Array;
  beforeAll(async () => {
    digits = (await convert(DIGITS, { file: "digits.onnx" })).blob;
    put("digits.tern", digits);
  });

  it("reads drawn digits as `tern run` does", () => {
    const { outputs } = JSON.parse(tern("run", join(folder, "digits.tern"), TEN, "--json").stdout);
    const { code, stdout, stderr } = runWith(["digits.tern"], IMAGES);
    expect([code, stderr]).toEqual([0, ""]);
    expect([...new Int32Array(new Uint8Array(stdout).buffer)]).toEqual(outputs[0].elements);
  });

  it("gives nothing for nothing", () => {
    expect(runWith(["digits.tern"])).toEqual({ code: 0, stdout: Buffer.alloc(0), stderr: "" });
  });

  it("computes random graphs of every input dtype as the reference does", async () => {
    const dtypes: InputDtype[] = ["u8", "i8", "i16", "f32"];
    for (let seed = 0; seed < 20; seed++) {
      const blob = await convert(randomOnnx(seed), { input: { dtype: dtypes[seed % 4]! } }).catch((error) => {
        if (error instanceof UnsupportedError) return undefined;
        throw error;
      });
      if (!blob) continue;
      const program = readBlob(blob.blob);
      const inputs = sampleInputs(program, 10, seed);
      put("random.tern", blob.blob);
      const { code, stdout, stderr } = runWith(["random.tern"], samplesOf(program, inputs, 10));
      expect([code, stderr], `seed ${seed}`).toEqual([0, ""]);
      const expected = expectedOf(loadReference(blob.blob), inputs, 10);
      expect(Buffer.compare(stdout, expected), `seed ${seed}`).toBe(0);
    }
  });

  it("answers before the input ends", async () => {
    const child = start(host, wasm, folder, ["digits.tern"]);
    const answers: Buffer[] = [];
    child.stdout!.on("data", (bytes: Buffer) => answers.push(bytes));
    const all = expectedOf(loadReference(digits), [IMAGES], 10);
    for (let picture = 0; picture < 3; picture++) {
      child.stdin!.write(IMAGES.subarray(256 * picture, 256 * picture + 256));
      while (Buffer.concat(answers).length < 40 * (picture + 1)) await new Promise((next) => setTimeout(next, 2));
    }
    child.stdin!.end();
    const code = await new Promise((ended) => child.on("close", ended));
    expect(code).toBe(0);
    expect(Buffer.compare(Buffer.concat(answers), all.subarray(0, 120))).toBe(0);
  });

  it("refuses with the exit codes and lines of README.md", () => {
    const flipped = (bit: number) => digits.with(bit >> 3, digits[bit >> 3]! ^ (1 << (bit & 7)));
    mkdirSync(join(folder, "a_folder"), { recursive: true });
    put("cut.tern", digits.subarray(0, 1000));
    put("longer.tern", Buffer.concat([digits, new Uint8Array(16)]));
    put("empty.tern", "");
    put("other.tern", "this is no blob, ".repeat(9));
    put("damaged.tern", flipped(8 * digits.length - 1000));
    put("storage.tern", repack(digits, "storage"));
    put("vectors.tern", writeBlob(Object.values(PACKED)[0]!));
    const real = writeBlob(Object.values(SMALL)[1]!); // 3 floats
    put("real.tern", real);

    const cases: [args: string[], input: Uint8Array, code: number, line: Record<string, string>][] = [
      [[], IMAGES, 2, {}],
      [["digits.tern", "digits.tern"], IMAGES, 2, {}],
      [["--help"], IMAGES, 2, {}],
      [["none.tern"], IMAGES, 3, { "@": "none.tern" }],
      [["a_folder/none.tern"], IMAGES, 3, { "@": "a_folder/none.tern" }],
      [["a_folder"], IMAGES, 4, { "@": "a_folder", "#": "31" }],
      [["other.tern"], IMAGES, 5, { "@": "other.tern" }],
      [["cut.tern"], IMAGES, 6, { "@": "cut.tern" }],
      [["longer.tern"], IMAGES, 6, { "@": "longer.tern" }],
      [["empty.tern"], IMAGES, 6, { "@": "empty.tern" }],
      [["damaged.tern"], IMAGES, 7, { "@": "damaged.tern" }],
      [["storage.tern"], IMAGES, 9, { "@": "storage.tern" }],
      [["vectors.tern"], IMAGES, 9, { "@": "vectors.tern" }],
      [["digits.tern"], IMAGES.subarray(0, 2559), 10, { "#": "9" }],
      [["real.tern"], new Uint8Array(Float32Array.of(1, 2, 3, 4, Number.NaN, 6).buffer), 11, { "#": "1" }],
    ];
    for (const [args, input, expected, line] of cases) {
      const { code, stdout, stderr } = runWith(args, input);
      const text = CODES.find(([listed]) => Number(listed) === expected)![1]!;
      expect([args, code, stderr]).toEqual([args, expected, `${text.replace(/[@#]/g, (mark) => line[mark]!)}\n`]);
      const wholeSamples = { 10: 9 * 40, 11: 4 }[expected] ?? 0;
      expect(stdout).toHaveLength(wholeSamples);
    }
  });

  it("says that the reader has closed its pipe", async () => {
    const child = start(host, wasm, folder, ["digits.tern"]);
    const errors: Buffer[] = [];
    child.stderr!.on("data", (bytes: Buffer) => errors.push(bytes));
    child.stdin!.on("error", () => {}); // what is written when it has ended
    child.stdout!.destroy();
    const feed = setInterval(() => child.stdin!.write(IMAGES), 5);
    const code = await new Promise((ended) => child.on("close", ended));
    clearInterval(feed);
    const errno = host.name === "wasmtime" ? 29 : 64; // EIO, EPIPE
    expect([code, Buffer.concat(errors).toString()]).toEqual([13, `output cannot be written, errno ${errno}\n`]);
  });
});

describeWith([TFC, MNIST_IMAGES], "TFC_1W1A.onnx", () => {
  describeCommands("tern-cli", (host, wasm) => {
    const { folder, put } = scratch();

    it("computes 1,000 test pictures as the reference does", async () => {
      const { blob } = await convert(readFileSync(TFC), { file: TFC });
      const images = (readInput(readFileSync(MNIST_IMAGES), MNIST_IMAGES).data as Uint8Array).subarray(0, 784_000);
      put("tfc.tern", blob);
      const { code, stdout } = run(host, wasm, folder, ["tfc.tern"], images);
      expect(code).toBe(0);
      expect(Buffer.compare(stdout, expectedOf(loadReference(blob), [images], 1000))).toBe(0);
    });
  });
});

describeWasmtime("tern-cli finds its model in the folders of wasmtime", () => {
  const { folder, put } = scratch();
  beforeAll(async () => {
    mkdirSync(join(folder, "models"));
    put("models/digits.tern", (await convert(DIGITS, { file: "digits.onnx" })).blob);
  });

  /** Runs with these options of wasmtime, where FOLDER stands for the folder that has the models. */
  function find(options: string, path: string) {
    const real = (text: string) => text.replaceAll("FOLDER", folder);
    return run(wasmtimeWith(...real(options).split(" ")), commandPath("tern-cli"), folder, [real(path)], IMAGES);
  }

  it.each([
    ["--dir FOLDER", "FOLDER/models/digits.tern"],
    ["--dir FOLDER/", "FOLDER//models/digits.tern"],
    ["--dir FOLDER::.", "models/digits.tern"],
    ["--dir FOLDER::.", "./models/digits.tern"],
    ["--dir FOLDER/models::models", "./models/digits.tern"],
    ["--dir FOLDER/models::./models/", "models/digits.tern"],
    ["--dir FOLDER::/", "/models/digits.tern"],
    ["--dir /usr::models --dir FOLDER::.", "models/digits.tern"],
  ])("%s, %s", (options, path) => {
    const { code, stderr } = find(options, path);
    expect([code, stderr]).toEqual([0, ""]);
  });

  it.each([
    ["--dir /usr", "models/digits.tern", 3],
    ["--dir FOLDER::model", "models/digits.tern", 3],
    ["--dir FOLDER::.", ".", 3],
    ["--dir FOLDER/models::models", "models/../../etc/passwd", 4],
  ])("%s, %s: exit code %i", (options, path, expected) => {
    expect(find(options, path).code).toBe(expected);
  });

  it("and has not enough memory where wasmtime gives one page", () => {
    const { code, stderr } = find("-W max-memory-size=65536 --dir FOLDER::.", "models/digits.tern");
    expect([code, stderr]).toEqual([14, "not enough memory\n"]);
  });
});
