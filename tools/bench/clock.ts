/** Additions in one turn of the loop, and turns of one call: about a millisecond. */
const ADDS = 32;
const TURNS = 100_000;
/** The best of these: whatever disturbs a call makes it slower. V8 compiles the loop anew while the first ones run. */
const CALLS = 60;

/**
 * The clock of this CPU while it computes, in GHz; /proc/cpuinfo may tell another one. Of a chain of integer additions, each of
 * which waits for the one before, every CPU that matters here does one in a cycle.
 */
export function measureClock(now = () => performance.now()): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(chain()));
  const run = exports.f as (turns: number) => number;
  let best = 0;
  for (let call = 0; call < CALLS; call++) {
    const start = now();
    run(TURNS);
    best = Math.max(best, (ADDS * TURNS) / (1e6 * (now() - start)));
  }
  return best;
}

/**
 * Multiply-accumulates of a cycle with vectors of 128 bits: two instructions of 16 products of bytes, which is what CPUs do that have
 * such an instruction at all.
 */
const MACS_PER_CYCLE = 2 * 16;

/** GMAC/s that no product made of 128-bit multiplications can pass at a clock of so many GHz. */
export function limitOf128Bits(clock: number): number {
  return MACS_PER_CYCLE * clock;
}

/** A module of one function f(turns): Fibonacci numbers modulo 2^32, to which no compiler knows a shorter way. */
function chain(): Uint8Array<ArrayBuffer> {
  const [turns, a, b] = [0, 1, 2];
  const add = (x: number, y: number) => [0x20, x, 0x20, y, 0x6a, 0x21, x]; // x = i32.add(x, y)
  const adds = Array.from({ length: ADDS / 2 }, () => [...add(a, b), ...add(b, a)]).flat();
  const next = [0x20, turns, 0x41, 1, 0x6b, 0x22, turns, 0x0d, 0]; // br_if 0 (turns = turns - 1)
  const loop = [0x03, 0x40, ...adds, ...next, 0x0b];
  const body = [1, 2, 0x7f, 0x41, 1, 0x21, b, ...loop, 0x20, b, 0x0b]; // two i32 locals; b = 1
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]), // type: i32 → i32
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // export "f"
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

function section(id: number, bytes: number[]): number[] {
  return [id, ...leb(bytes.length), ...bytes];
}

/** An unsigned number as WebAssembly has it: seven bits to a byte, the low ones first. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >> 7)];
}
