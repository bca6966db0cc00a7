import { CheckpointError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { shorten, shown } from "../../base/printable.ts";
import { isExtent, MAX_EXTENT } from "../window.ts";

/** Characters of a value that an error shows. */
const MAX_SHOWN = 60;

/** Fields of a configuration; what is left out, or null, is what the caller says. Throws CheckpointError for values of another kind. */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #where: string;

  constructor(values: unknown, where: string) {
    if (!isObject(values)) throw new CheckpointError(`${where}: ${text(values)}, expected an object`);
    this.#values = values;
    this.#where = where;
  }

  get(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value ?? undefined; // null is nothing, too
  }

  fail(name: string, expected: string): CheckpointError {
    return new CheckpointError(`${this.#where}: ${name} ${text(this.get(name))}, expected ${expected}`);
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.get(name) ?? otherwise;
    if (value === 0 || value === 1) return value === 1; // as some tools have it
    if (typeof value === "boolean") return value;
    throw this.fail(name, "true or false");
  }

  number(name: string, otherwise: number): number {
    const value = this.get(name) ?? otherwise;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.fail(name, "a number");
  }

  whole(name: string, otherwise: number, least: number, most: number): number {
    const value = this.number(name, otherwise);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.fail(name, `a whole number from ${least} to ${most}`);
  }

  text(name: string, otherwise: string): string {
    const value = this.get(name) ?? otherwise;
    if (typeof value === "string") return value;
    throw this.fail(name, "text");
  }

  list(name: string): unknown[] {
    const value = this.get(name) ?? [];
    if (Array.isArray(value)) return value;
    throw this.fail(name, "a list");
  }

  /** Rows and columns of a window: one number for both, one of each, or those of columns alone, where there are no rows. */
  pair(name: string, axes: 1 | 2, otherwise: [number, number]): [number, number] {
    const value = this.get(name);
    if (value === undefined) return otherwise;
    const sizes = Array.isArray(value) ? value : new Array<unknown>(axes).fill(value);
    const isPair = sizes.length === axes && sizes.every((size) => typeof size === "number" && isExtent(size, 1));
    if (!isPair) throw this.fail(name, `${axes} of 1 to ${MAX_EXTENT}`);
    return (axes === 1 ? [1, sizes[0]] : sizes) as [number, number];
  }
}

/** A value as errors show it. */
export function text(value: unknown): string {
  return shown(shorten(JSON.stringify(value) ?? "nothing", MAX_SHOWN));
}
