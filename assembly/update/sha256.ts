import { flash_read } from "./board";
import { CONSTANTS, DIGEST, MESSAGE, MESSAGE_BYTES } from "./memory";

/** SHA-256 of FIPS 180-4. Its constants are computed, since the module has no data segments and instructions that store them take 496 bytes more. */

/** Writes the 64 round constants: the first 32 bits behind the point of the cube roots of the first 64 primes. */
export function computeConstants(): void {
  let prime: u32 = 1;
  for (let i: u32 = 0; i < 64; i++) {
    do prime++;
    while (!isPrime(prime));
    store<u32>(CONSTANTS + (i << 2), cubeRootFraction(prime));
  }
}

function isPrime(x: u32): bool {
  for (let d: u32 = 2; d * d <= x; d++) if (x % d == 0) return false;
  return true;
}

/** floor(2^32 · (∛x mod 1)), for x below 2^9; tests/update/sha256.test.ts compares them with SHA-256's. */
function cubeRootFraction(x: u32): u32 {
  let digits = (<u64>x) << 55; // in base 8, the first on top
  let root: u64 = 0; // of the digits that were taken, and what they are more than its cube
  let rest: u64 = 0;
  for (let n = 0; n < 3 + 27; n++) {
    rest = (rest << 3) | (digits >>> 61);
    digits <<= 3;
    root <<= 1;
    const step = 3 * root * (root + 1) + 1; // (root + 1)³ − root³
    if (step > rest) continue;
    rest -= step;
    root++;
  }
  const slope = 3 * root * root; // the last five bits by the tangent, since the rest would outgrow 64 bits
  for (let n = 0; n < 5; n++) {
    rest <<= 1;
    root <<= 1;
    if (slope > rest) continue;
    rest -= slope;
    root++;
  }
  return <u32>root;
}

/** Writes the hash of `bytes` bytes of flash to DIGEST, in the order of its bytes. Returns whether all of them could be read. */
export function hashFlash(address: u32, bytes: u32): bool {
  store<u32>(DIGEST, 0x6a09e667);
  store<u32>(DIGEST, 0xbb67ae85, 4);
  store<u32>(DIGEST, 0x3c6ef372, 8);
  store<u32>(DIGEST, 0xa54ff53a, 12);
  store<u32>(DIGEST, 0x510e527f, 16);
  store<u32>(DIGEST, 0x9b05688c, 20);
  store<u32>(DIGEST, 0x1f83d9ab, 24);
  store<u32>(DIGEST, 0x5be0cd19, 28);
  let left = bytes;
  for (; left >= MESSAGE_BYTES; left -= MESSAGE_BYTES, address += MESSAGE_BYTES) {
    if (flash_read(MESSAGE, address, MESSAGE_BYTES)) return false;
    compress();
  }
  clear();
  if (left && flash_read(MESSAGE, address, left)) return false;
  store<u8>(MESSAGE + left, 0x80);
  if (left >= MESSAGE_BYTES - 8) {
    compress();
    clear();
  }
  store<u8>(MESSAGE + MESSAGE_BYTES - 5, bytes >>> 29); // the number of bits, big-endian in 8 bytes
  store<u32>(MESSAGE + MESSAGE_BYTES - 4, bswap<u32>(bytes << 3));
  compress();
  for (let at: usize = 0; at < 32; at += 4) store<u32>(DIGEST + at, bswap<u32>(load<u32>(DIGEST + at)));
  return true;
}

function clear(): void {
  for (let at: usize = 0; at < MESSAGE_BYTES; at += 8) store<u64>(MESSAGE + at, 0);
}

/** Takes the message's 64 bytes into the digest. The message becomes the schedule, of which 16 words are kept. */
function compress(): void {
  let a = load<u32>(DIGEST);
  let b = load<u32>(DIGEST, 4);
  let c = load<u32>(DIGEST, 8);
  let d = load<u32>(DIGEST, 12);
  let e = load<u32>(DIGEST, 16);
  let f = load<u32>(DIGEST, 20);
  let g = load<u32>(DIGEST, 24);
  let h = load<u32>(DIGEST, 28);
  for (let t: u32 = 0; t < 64; t++) {
    let word = load<u32>(wordAt(t));
    if (t < 16) {
      word = bswap<u32>(word);
    } else {
      const x = load<u32>(wordAt(t + 1)); // of 15 rounds ago
      const y = load<u32>(wordAt(t + 14)); // of 2 rounds ago
      word += load<u32>(wordAt(t + 9)) + (rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >>> 3));
      word += rotr<u32>(y, 17) ^ rotr<u32>(y, 19) ^ (y >>> 10);
    }
    store<u32>(wordAt(t), word);
    h += (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + (g ^ (e & (f ^ g))) + word;
    h += load<u32>(CONSTANTS + (t << 2));
    const sum = h + (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)));
    d += h;
    h = g;
    g = f;
    f = e;
    e = d;
    d = c;
    c = b;
    b = a;
    a = sum;
  }
  add(0, a);
  add(4, b);
  add(8, c);
  add(12, d);
  add(16, e);
  add(20, f);
  add(24, g);
  add(28, h);
}

/** Address of the word of round t, over that of 16 rounds ago. */
function wordAt(t: u32): usize {
  return MESSAGE + ((t & 15) << 2);
}

function add(at: usize, x: u32): void {
  store<u32>(DIGEST + at, load<u32>(DIGEST + at) + x);
}
