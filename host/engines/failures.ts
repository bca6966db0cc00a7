import { EngineError } from "../base/errors.ts";

// Failures that engines report in the same words.

export function noFunction(name: string): EngineError {
  return new EngineError("compile", `the module exports no function "${name}"`);
}

export function wrongArguments(name: string, expected: number, found: number): EngineError {
  return new EngineError("compile", `"${name}" got ${found} arguments, expected ${expected}`);
}

export function noMemory(): EngineError {
  return new EngineError("compile", 'the module exports no memory "memory"');
}

export function noMemoryToHave(bytes: number, why: string): EngineError {
  return new EngineError("memory", `cannot have ${bytes} bytes of memory: ${why}`);
}

/** An instance that is still in its start function, or is disposed. */
export function notRunning(state: string): EngineError {
  return new EngineError("state", `the instance is ${state}`);
}
