import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { TernError } from "../../host/base/errors.ts";
import { runtimeNamed } from "../../host/firmware/make/runtimes.ts";
import * as library from "../../host/index.ts";
import * as node from "../../host/node.ts";
import { DIGITS, digitsBlob } from "../tools/tern.ts";

/** What programs without types hand over by mistake. */
const WRONG: [string, unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 42],
  ["NaN", Number.NaN],
  ["text", "text"],
  ["a symbol", Symbol("s")],
  ["a bigint", 1n],
  ["an object", {}],
  ["an object without a prototype", Object.create(null)],
  ["a list", [null]],
  ["a function", () => {}],
  ["an ArrayBuffer", new ArrayBuffer(64)],
  ["a DataView", new DataView(new ArrayBuffer(64))],
  ["floats", new Float64Array(8)],
  ["bigints", new BigInt64Array(8)],
  ["no bytes", new Uint8Array(0)],
  ["zeros", new Uint8Array(64)],
  ["detached bytes", detached()],
];

function detached(): Uint8Array {
  const bytes = new Uint8Array(64);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

type Call = (...args: unknown[]) => unknown;
const blob = await digitsBlob();
const module = await node.readModule();
const program = library.readBlob(blob);
const checkpoint = new Uint8Array(readFileSync(DIGITS));
const { v8 } = library;
const session = await library.load({ module, blob, engine: v8 });
const pixels = new Uint8Array(256);
const imports = { weights_read: () => 0 };
const instance = { memoryBytes: 65536, imports };
const proof = { blob: program, checkpoint, sha256: "", sessions: { v8: session }, inputs: [pixels] };

function convertInput(input: unknown): unknown {
  return library.convert(checkpoint, { input } as library.ConvertOptions);
}

function verifyDescribed(description: unknown): unknown {
  return library.verify({ ...proof, blob: { ...program, description } } as library.VerifyOptions);
}

/** Every public function and how it is called well; each argument, and each field of a plain one, is replaced by what is wrong. */
const CALLS: Record<string, { call: unknown; args: unknown[] }> = {
  readBlob: { call: library.readBlob, args: [blob] },
  repack: { call: library.repack, args: [blob, "any"] },
  writeBlob: { call: library.writeBlob, args: [program] },
  convert: {
    call: library.convert,
    args: [
      checkpoint,
      {
        file: "digits.onnx",
        name: "n",
        classes: undefined,
        argmax: false,
        maxRows: 1,
        modelVersion: 1,
        target: "any",
        inputQuantizer: undefined,
        input: undefined,
        calibration: undefined,
      },
    ],
  },
  "convert, an input": { call: convertInput, args: [{ dtype: "u8", scale: 1, mean: 0, std: 1 }] },
  inspect: { call: library.inspect, args: [blob, module, v8] },
  sampleInputs: { call: library.sampleInputs, args: [program, 2, 1] },
  selfTest: { call: library.selfTest, args: [session] },
  load: {
    call: library.load,
    args: [
      { module, blob, engine: v8, weights: "resident", variant: "scalar", fuel: 1e9, flash: undefined, maxRows: 1 },
    ],
  },
  loadReference: { call: library.loadReference, args: [blob] },
  chooseVariant: { call: library.chooseVariant, args: [v8, { scalar: module }] },
  variantProblem: { call: library.variantProblem, args: [v8, module] },
  verify: { call: library.verify, args: [proof] },
  "verify, a description": { call: verifyDescribed, args: [program.description] },
  "v8.instantiate": { call: v8.instantiate, args: [module, instance] },
  "session.run": {
    call: session.run.bind(session),
    args: [pixels, { profile: undefined, see: undefined, onProgress: undefined }],
  },
  "session.run, a list": { call: session.run.bind(session), args: [[pixels], {}] },
  bestModule: { call: node.bestModule, args: [v8] },
  createWasmtime: { call: node.createWasmtime, args: [{ library: "/nowhere", compiler: "cranelift" }] },
  plainModule: { call: node.plainModule, args: [blob] },
  deviceModule: { call: node.deviceModule, args: [runtimeNamed("wasm2c"), blob, "core"] },
  buildModule: { call: node.buildModule, args: [blob, { variant: "scalar", weights: "resident" }] },
  readModule: { call: node.readModule, args: ["scalar"] },
  parseTarget: { call: node.parseTarget, args: ["virt@board.flash"] },
  openSlots: { call: node.openSlots, args: ["no such board"] },
  moduleOf: { call: node.moduleOf, args: [{ runtime: "no such runtime", module: { bytes: 1, crc: 0 } }] },
  openOnDevice: { call: node.openOnDevice, args: ["no such board", { blob, maxRows: 1 }] },
};

/** The arguments, each replaced in turn; and each field of those that are plain objects. */
function* replaced(args: unknown[], wrong: unknown): Generator<unknown[]> {
  for (const [i, arg] of args.entries()) {
    yield args.with(i, wrong);
    const isPlain = typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype;
    if (isPlain) for (const key of Object.keys(arg)) yield args.with(i, { ...arg, [key]: wrong });
  }
}

/** What a call throws, now or later. */
async function thrownBy(call: Call, args: unknown[]): Promise<unknown> {
  try {
    await call(...args);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("public functions throw only errors of ours on wrong arguments", () => {
  it("names them all", () => {
    const functions = Object.entries({ ...library, ...node }).filter(([, value]) => {
      return typeof value === "function" && !(value.prototype instanceof Error);
    });
    const called = new Set(Object.values(CALLS).map(({ call }) => call));
    for (const [name, value] of functions) expect(called.has(value), name).toBe(true);
  });

  it.each(Object.entries(CALLS))("%s", async (_, { call, args }) => {
    for (const [what, wrong] of WRONG) {
      for (const given of replaced(args, wrong)) {
        const error = await thrownBy(call as Call, given);
        if (error !== undefined && !(error instanceof TernError)) {
          throw new Error(`${what}: ${given.map((arg) => typeof arg).join(", ")}`, { cause: error });
        }
      }
      const error = await thrownBy(
        call as Call,
        args.map(() => wrong),
      );
      expect(error === undefined || error instanceof TernError, what).toBe(true);
    }
  });
});

describe("a session", () => {
  const state = (message: string) => expect.objectContaining({ name: "EngineError", kind: "state", message });
  let open: Record<string, () => Promise<library.Session>>;
  beforeAll(() => {
    open = {
      reference: async () => library.loadReference(blob),
      v8: () => library.load({ module, blob, engine: v8 }),
      wasmtime: async () => library.load({ module, blob, engine: await node.createWasmtime() }),
    };
  });

  it.each(["reference", "v8", "wasmtime"])("refuses a run inside a run, and one after its end, in %s", async (name) => {
    const session = await open[name]!().catch((error) => {
      if (process.env.TERN_REQUIRE_ALL === "1" || name !== "wasmtime") throw error;
    });
    if (!session) return console.warn("skipped: no wasmtime");
    const expected = session.run(pixels);
    const busy = state("the session is in the middle of a run");
    for (const inside of [() => session.run(pixels), () => session.dispose()]) {
      expect(() => session.run(pixels, { see: inside })).toThrow(busy);
      expect(() => session.run(pixels, { onProgress: inside })).toThrow(busy);
      expect(session.run(pixels)).toEqual(expected);
    }
    expect(() => library.selfTest({ ...session, program, run: () => session.run(null as never) } as never)).toThrow(
      TernError,
    );
    session.dispose();
    session.dispose();
    expect(() => session.run(pixels)).toThrow(state("the session is disposed"));
  });

  it.each<[string, object, string]>([
    ["fuel", { fuel: -1 }, "fuel: found -1, expected a whole number from 0"],
    ["fuel", { fuel: 1.5 }, "fuel: found 1.5"],
    ["weights", { weights: "flash" }, 'weights: found "flash", expected one of resident, streaming'],
    ["weights", { weights: null }, "weights: found null, expected one of resident, streaming"],
    ["maxOperations", { maxOperations: null }, "maxOperations: found null, expected a number"],
    ["maxOperations", { maxOperations: Number.NaN }, "maxOperations: found NaN, expected a number"],
    ["variant", { variant: "toString" }, 'variant: found "toString", expected one of scalar, simd, relaxed'],
    ["blob", { blob: null }, "blob: found null, expected a Uint8Array"],
    ["blob", { blob: detached() }, "blob: the bytes were sent away (detached)"],
    ["module", { module: detached() }, "module: the bytes were sent away (detached)"],
    ["engine", { engine: undefined }, "engine: found undefined, expected an object"],
  ])("refuses %s %j", async (_, wrong, message) => {
    const options = { module, blob, engine: v8, ...wrong } as library.LoadOptions;
    await expect(library.load(options)).rejects.toThrow(expect.objectContaining({ name: "InputError" }));
    await expect(library.load(options)).rejects.toThrow(message);
  });

  it("reports inputs and weights that are sent away under its hands", async () => {
    const rows = new Uint8Array(256 * (program.maxRows + 1));
    const send = () => structuredClone(rows, { transfer: [rows.buffer] });
    expect(() => session.run(rows, { onProgress: send })).toThrow("inputs[0]: the elements were sent away (detached)");
    const own = blob.slice();
    const streaming = await library.load({ module, blob: own, engine: v8, weights: "streaming" });
    structuredClone(own, { transfer: [own.buffer] });
    expect(() => streaming.run(pixels)).toThrow("ReadFailed");
  });
});
