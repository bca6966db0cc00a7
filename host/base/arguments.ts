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

/** Refuses an argument. */
export function refuse(name: string, value: unknown, expected: string): never {
  throw new InputError(`${name}: found ${kindOf(value)}, expected ${expected}`);
}

/** Whether a value is a typed array of this name, of this realm or another: a frame's, a VM's. `instanceof` knows only its own. */
export function isTyped(value: unknown, name: string): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] === name;
}

/** Bytes that are there: those of a buffer that was sent to another thread are not. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!isTyped(value, "Uint8Array")) refuse(name, value, "a Uint8Array");
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
    refuse(name, value, "an object");
  }
}

export function checkOptional(name: string, value: unknown, type: "string" | "boolean" | "function"): void {
  if (value !== undefined && typeof value !== type) refuse(name, value, `a ${type}`);
}

export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") refuse(name, value, "a string");
}

export function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "string" || !known.includes(value)) refuse(name, value, `one of ${known.join(", ")}`);
}

/** A whole number from `least` to `most`. */
export function checkWhole(name: string, value: unknown, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  refuse(name, value, `a whole number from ${least} to ${most}`);
}

/** Something that runs WebAssembly. */
export function checkEngine(value: unknown): void {
  checkObject("engine", value);
  checkText("engine.name", value.name);
  if (typeof value.instantiate !== "function") refuse("engine.instantiate", value.instantiate, "a function");
}

/** A list whose every element a check accepts. */
export function checkList(name: string, value: unknown, check: (name: string, element: unknown) => void): void {
  if (!Array.isArray(value)) refuse(name, value, "a list");
  for (let i = 0; i < value.length; i++) check(`${name}[${i}]`, value[i]);
}

/** What an engine is asked for (engines/engine.ts). */
export function checkInstantiate(wasm: unknown, options: unknown): void {
  checkBytes("module", wasm);
  checkObject("options", options);
  checkWhole("memoryBytes", options.memoryBytes, 0);
  checkObject("imports", options.imports);
  if (typeof options.imports.weights_read !== "function") {
    refuse("imports.weights_read", options.imports.weights_read, "a function");
  }
  if (options.fuel !== undefined) checkWhole("fuel", options.fuel, 0);
}

/** A session, as `load` gives it. */
export function checkSession(name: string, value: unknown): void {
  checkObject(name, value);
  checkObject(`${name}.program`, value.program);
  if (typeof value.run !== "function") refuse(`${name}.run`, value.run, "a function");
}

/** Elements of an input: numbers in a typed array that is there. */
export function checkElements(name: string, value: unknown): void {
  const others = ["DataView", "BigInt64Array", "BigUint64Array"];
  if (!ArrayBuffer.isView(value) || others.some((other) => isTyped(value, other))) refuse(name, value, "a typed array");
}

/** What an engine gave: a running module. */
export function checkInstance(value: unknown): void {
  checkObject("what the engine gave", value);
  for (const name of ["memory", "call", "dispose"]) {
    if (typeof value[name] !== "function") refuse(`the instance's ${name}`, value[name], "a function");
  }
}
