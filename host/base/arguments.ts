import { InputError } from "./errors.ts";

// What callers hand to the library is checked where it comes in: programs without types call it, too. All throw InputError.

/** "null", "number", "Uint8Array", "object": what a value is, for people. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "object") return typeof value;
  const { name } = (value.constructor ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : "object";
}

function fail(name: string, value: unknown, expected: string): never {
  throw new InputError(`${name}: found ${kindOf(value)}, expected ${expected}`);
}

/** Whether a value is a typed array of this name, of this realm or another: a frame's, a VM's. `instanceof` knows only its own. */
function isTyped(value: unknown, name: string): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] === name;
}

/** Bytes that are there: those of a buffer that was sent to another thread are not. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!isTyped(value, "Uint8Array")) fail(name, value, "a Uint8Array");
  if (value.length === 0 && isDetached(value)) throw new InputError(`${name}: the bytes were sent away (detached)`);
}

/** A view of a detached buffer is of length 0, and cannot be sliced. */
function isDetached({ buffer }: Uint8Array): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

export function checkObject(name: string, value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    fail(name, value, "an object");
  }
}

export function checkOptional(name: string, value: unknown, type: "string" | "boolean" | "function"): void {
  if (value !== undefined && typeof value !== type) fail(name, value, `a ${type}`);
}

export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") fail(name, value, "a string");
}

export function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "string" || !known.includes(value)) fail(name, value, `one of ${known.join(", ")}`);
}

/** A whole number from `least` to `most`. */
export function checkWhole(name: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  fail(name, value, `a whole number from ${least} to ${most}`);
}

/** Something that runs WebAssembly. */
export function checkEngine(value: unknown): void {
  checkObject("engine", value);
  checkText("engine.name", value.name);
  if (typeof value.instantiate !== "function") fail("engine.instantiate", value.instantiate, "a function");
}

/** A list whose every element a check accepts. */
export function checkList(name: string, value: unknown, check: (name: string, element: unknown) => void): void {
  if (!Array.isArray(value)) fail(name, value, "a list");
  for (let i = 0; i < value.length; i++) check(`${name}[${i}]`, value[i]);
}

/** What an engine is asked for (engines/engine.ts). */
export function checkInstantiate(wasm: unknown, options: unknown): void {
  checkBytes("module", wasm);
  checkObject("options", options);
  checkWhole("memoryBytes", options.memoryBytes, 0);
  checkObject("imports", options.imports);
  if (typeof options.imports.weights_read !== "function") {
    fail("imports.weights_read", options.imports.weights_read, "a function");
  }
  if (options.fuel !== undefined) checkWhole("fuel", options.fuel, 0);
}

/** A session, as `load` gives it. */
export function checkSession(name: string, value: unknown): void {
  checkObject(name, value);
  checkObject(`${name}.program`, value.program);
  if (typeof value.run !== "function") fail(`${name}.run`, value.run, "a function");
}

/** Elements of an input: numbers in a typed array that is there. */
export function checkElements(name: string, value: unknown): void {
  const others = ["DataView", "BigInt64Array", "BigUint64Array"];
  if (!ArrayBuffer.isView(value) || others.some((other) => isTyped(value, other))) fail(name, value, "a typed array");
}

const ACTIVATIONS = ["bit", "u8", "i8", "i16", "i32", "f32"];
const WEIGHTS = ["binary", "ternary", "int2", "int3", "int4", "int8"];
const U32 = 2 ** 32 - 1;

/** The shape of a program (program.ts): that its fields are there, of their types, and its indices are those of tensors. */
export function checkProgram(value: unknown): void {
  checkObject("program", value);
  if (typeof value.modelId !== "bigint") fail("program.modelId", value.modelId, "a bigint");
  checkWhole("program.modelVersion", value.modelVersion, 0, U32);
  checkWhole("program.maxRows", value.maxRows, 1, U32);
  checkObject("program.arena", value.arena);
  checkWhole("program.arena.fixed", value.arena.fixed, 0, U32);
  checkWhole("program.arena.perRow", value.arena.perRow, 0, U32);
  checkList("program.tensors", value.tensors, (name, tensor) => {
    checkObject(name, tensor);
    checkOneOf(`${name}.dtype`, tensor.dtype, ACTIVATIONS);
    for (const field of ["channels", "fixed", "perRow"]) checkWhole(`${name}.${field}`, tensor[field], 0, U32);
  });
  const last = (value.tensors as unknown[]).length - 1;
  const index = (name: string, tensor: unknown) => checkWhole(name, tensor, 0, last);
  checkList("program.inputs", value.inputs, index);
  checkList("program.outputs", value.outputs, index);
  checkList("program.ops", value.ops, (name, op) => {
    checkObject(name, op);
    checkOneOf(`${name}.kind`, op.kind, ["quantize", "dense", "argmax"]);
    index(`${name}.input`, op.input);
    index(`${name}.output`, op.output);
    if (op.kind === "dense") {
      checkOneOf(`${name}.dtype`, op.dtype, WEIGHTS);
      if (!isTyped(op.weights, "Int8Array")) fail(`${name}.weights`, op.weights, "an Int8Array");
    }
    if (op.kind === "quantize" || op.post !== undefined) checkPost(`${name}.post`, op.post);
    if (op.scores !== undefined)
      checkArrays(`${name}.scores`, op.scores, { multiplier: "Int32Array", offset: "BigInt64Array" });
  });
  if (value.description !== undefined) checkObject("program.description", value.description);
  if (value.selfTest !== undefined) {
    checkObject("program.selfTest", value.selfTest);
    for (const field of ["inputs", "outputs"])
      checkList(`program.selfTest.${field}`, value.selfTest[field], checkBytes);
  }
}

function checkPost(name: string, post: unknown): void {
  checkObject(name, post);
  checkOneOf(`${name}.kind`, post.kind, ["thresholds", "requantize", "lookup"]);
  if (post.kind === "thresholds")
    checkArrays(name, post, { base: "Int16Array", ups: "Uint16Array", steps: "Int32Array" });
  if (post.kind === "lookup") checkArrays(name, post, { table: "Int16Array" });
}

function checkArrays(name: string, value: unknown, fields: Record<string, string>): void {
  checkObject(name, value);
  for (const [field, type] of Object.entries(fields)) {
    if (!isTyped(value[field], type)) fail(`${name}.${field}`, value[field], `an ${type}`);
  }
}

/** What an engine gave: a running module. */
export function checkInstance(value: unknown): void {
  checkObject("what the engine gave", value);
  for (const name of ["memory", "call", "dispose"]) {
    if (typeof value[name] !== "function") fail(`the instance's ${name}`, value[name], "a function");
  }
}
