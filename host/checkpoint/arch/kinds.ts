import { InputError } from "../../base/errors.ts";
import { isObject } from "../../base/json.ts";
import { didYouMean } from "../../base/nearest.ts";
import { shorten, shown } from "../../base/printable.ts";

/** A kind of value in JSON that people write: one table says how it is read, and what a JSON schema says of it. */
export interface Kind<T> {
  /** In words, for errors. */
  expected: string;
  /** JSON schema (draft 2020-12). */
  schema: object;
  /** `path` is what errors call the value. Throws InputError. */
  read(value: unknown, path: string): T;
}

export type Value<K> = K extends Kind<infer T> ? T : never;

function refuse(path: string, value: unknown, expected: string): never {
  const found = value === undefined ? "nothing" : shorten(JSON.stringify(value), MAX_SHOWN);
  throw new InputError(`${path}: found ${found}, expected ${expected}`);
}

/** Characters of a value that an error shows. */
const MAX_SHOWN = 60;

function plain<T>(expected: string, schema: object, isOne: (value: unknown) => boolean): Kind<T> {
  const read = (value: unknown, path: string) => (isOne(value) ? (value as T) : refuse(path, value, expected));
  return { expected, schema, read };
}

/** A name is what a person can tell from another. */
const MAX_NAME = 1024;

export const NAME = plain<string>(
  `a name of 1 to ${MAX_NAME} characters`,
  { type: "string", minLength: 1, maxLength: MAX_NAME },
  (value) => {
    return typeof value === "string" && value.length >= 1 && value.length <= MAX_NAME;
  },
);

export const FLAG = plain<boolean>("true or false", { type: "boolean" }, (value) => typeof value === "boolean");

export const NONE = plain<false>("false", { const: false }, (value) => value === false);

export function whole(least: number, most: number): Kind<number> {
  const expected = `a whole number from ${least} to ${most}`;
  return plain(expected, { type: "integer", minimum: least, maximum: most }, (value) => {
    return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  });
}

export const POSITIVE = plain<number>("a number above 0", { type: "number", exclusiveMinimum: 0 }, (value) => {
  return Number.isFinite(value) && (value as number) > 0;
});

export const NOT_NEGATIVE = plain<number>("a number of at least 0", { type: "number", minimum: 0 }, (value) => {
  return Number.isFinite(value) && (value as number) >= 0;
});

const QUOTIENT_FORM = /^(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/;

/** "1/255": the float64 nearest to it. */
export const QUOTIENT: Kind<number> = {
  expected: 'a quotient such as "1/255"',
  schema: { type: "string", pattern: QUOTIENT_FORM.source },
  read(value, path) {
    const [, a, b] = (typeof value === "string" && value.match(QUOTIENT_FORM)) || [];
    const quotient = Number(a) / Number(b);
    return Number.isFinite(quotient) && quotient > 0 ? quotient : refuse(path, value, this.expected);
  },
};

export function oneOf<const T extends readonly (string | number)[]>(...values: T): Kind<T[number]> {
  const expected = values.map((value) => JSON.stringify(value)).join(" or ");
  return plain(expected, { enum: values }, (value) => values.includes(value as T[number]));
}

export function list<T>(kind: Kind<T>, least: number, most: number): Kind<T[]> {
  const some = least === most ? `${most}` : `${least} to ${most}`;
  const expected = `a list of ${some}, each ${kind.expected}`;
  return {
    expected,
    schema: { type: "array", items: kind.schema, minItems: least, maxItems: most },
    read(value, path) {
      if (!Array.isArray(value) || value.length < least || value.length > most) return refuse(path, value, expected);
      return value.map((each, i) => kind.read(each, `${path}[${i}]`));
    },
  };
}

/** The first kind that takes a value. An object is read as the kind of objects among them, whose errors say more. */
export function either<const K extends readonly Kind<unknown>[]>(...kinds: K): Kind<Value<K[number]>> {
  const expected = kinds.map((kind) => kind.expected).join(", or ");
  return {
    expected,
    schema: { anyOf: kinds.map(({ schema }) => schema) },
    read(value, path) {
      const ofObjects = kinds.find(({ schema }) => "properties" in schema);
      if (ofObjects && isObject(value)) return ofObjects.read(value, path) as Value<K[number]>;
      for (const kind of kinds) {
        try {
          return kind.read(value, path) as Value<K[number]>;
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }
      return refuse(path, value, expected);
    },
  };
}

/** A field of an object; `about` is a sentence for people. */
export interface Field<T, Needed extends boolean> {
  kind: Kind<T>;
  about: string;
  needed: Needed;
}

export function needed<T>(kind: Kind<T>, about: string): Field<T, true> {
  return { kind, about, needed: true };
}

export function optional<T>(kind: Kind<T>, about: string): Field<T, false> {
  return { kind, about, needed: false };
}

export type Fields = Record<string, Field<unknown, boolean>>;

export type Read<F extends Fields> = {
  [Name in keyof F]: F[Name] extends Field<infer T, infer Needed> ? (Needed extends true ? T : T | undefined) : never;
};

/** An object with these fields and no others. */
export function object<F extends Fields>(fields: F): Kind<Read<F>> {
  const names = Object.keys(fields);
  const entries = Object.entries(fields);
  const expected = `an object with ${names.join(", ")}`;
  return {
    expected,
    schema: {
      type: "object",
      properties: Object.fromEntries(
        entries.map(([name, { kind, about }]) => [name, { description: about, ...kind.schema }]),
      ),
      required: entries.flatMap(([name, field]) => (field.needed ? [name] : [])),
      additionalProperties: false,
    },
    read(value, path) {
      if (!isObject(value)) return refuse(path, value, expected);
      for (const name of Object.keys(value)) {
        if (names.includes(name)) continue;
        const hint = didYouMean(name, names);
        throw new InputError(`${path}: unknown field "${shown(name)}"${hint || ","} expected ${names.join(", ")}`);
      }
      const read = entries.map(([name, field]) => {
        const given = Object.hasOwn(value, name) ? value[name] : undefined;
        return [name, given === undefined && !field.needed ? undefined : field.kind.read(given, `${path}.${name}`)];
      });
      return Object.fromEntries(read);
    },
  };
}
