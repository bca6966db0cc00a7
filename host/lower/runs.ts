/** A longest stretch of integers, both ends included, to which a function gives one code. */
export interface Run {
  from: number;
  to: number;
  code: number;
}

/** The runs of `code` over the integers min … max: by bisection where it is monotone, else by looking at every one. */
export function runs(code: (x: number) => number, min: number, max: number, monotone: boolean): Run[] {
  const result: Run[] = [{ from: min, to: max, code: code(min) }];
  const step = (x: number, next: number) => {
    result.at(-1)!.to = x - 1;
    result.push({ from: x, to: max, code: next });
  };
  if (monotone) {
    const bisect = (a: number, codeA: number, b: number, codeB: number) => {
      if (codeA === codeB) return;
      if (b - a === 1) return step(b, codeB);
      const middle = Math.floor((a + b) / 2);
      const codeM = code(middle);
      bisect(a, codeA, middle, codeM);
      bisect(middle, codeM, b, codeB);
    };
    bisect(min, result[0]!.code, max, code(max));
  } else {
    for (let x = min + 1; x <= max; x++) {
      const next = code(x);
      if (next !== result.at(-1)!.code) step(x, next);
    }
  }
  return result;
}
