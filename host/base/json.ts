/** Arrays and objects in one another: what people and tools write has some five. It bounds what a deep text takes. */
const MAX_DEPTH = 64;

/**
 * JSON out of an untrusted file: UTF-8, and no object has a name twice, of which readers would take different ones. `fail` makes an error
 * out of what is wrong.
 */
export function parseJson(bytes: Uint8Array, fail: (message: string) => Error): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("is no text in UTF-8");
  }
  checkText(text, fail);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail(`is no JSON: ${(error as Error).message}`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Goes through a text that may be no JSON, and looks at nothing but depth and the names of objects. */
function checkText(text: string, fail: (message: string) => Error): void {
  const open: (Set<string> | undefined)[] = []; // names of each object that is open; undefined: an array
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{" || char === "[") {
      if (open.push(char === "{" ? new Set() : undefined) > MAX_DEPTH) {
        throw fail(`is nested deeper than ${MAX_DEPTH}`);
      }
      isName = char === "{";
    } else if (char === "}" || char === "]") {
      open.pop();
    } else if (char === ",") {
      isName = true;
    } else if (char === '"') {
      const end = endOfText(text, at);
      const names = open.at(-1);
      if (isName && names) {
        const name = nameOf(text.slice(at, end + 1));
        if (names.has(name)) throw fail(`has the name "${name}" twice`);
        names.add(name);
      }
      isName = false;
      at = end;
    }
  }
}

/** The quote that ends a text, or the end of all. */
function endOfText(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** A name without its escapes: two spellings are one name. */
function nameOf(quoted: string): string {
  try {
    return JSON.parse(quoted);
  } catch {
    return quoted; // no JSON, which is said later
  }
}
