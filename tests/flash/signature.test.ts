import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FlashError } from "../../host/base/errors.ts";
import { readBlob } from "../../host/blob/read.ts";
import {
  keyIdOf,
  makeKeys,
  readKey,
  readTrailer,
  signBlob,
  splitTrailer,
  verifySignature,
} from "../../host/flash/signature.ts";
import { projectText, tableRows } from "../blob/spec.ts";
import { GOLDEN_BLOB, listed } from "./golden.ts";

const PAGE = projectText("host/flash/FORMAT.md");
const GOLDEN = listed(PAGE.split("```").find((block) => block.startsWith("\n0000"))!);

/** RFC 8032, 7.1, test 1, behind the header that PKCS #8 gives a key of 32 bytes. */
const SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const RFC_KEY = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SECRET}`, "hex"),
  format: "der",
  type: "pkcs8",
});

const text = (pem: string) => new TextEncoder().encode(pem);
const pair = () => {
  const { privatePem, publicPem, keyId } = makeKeys();
  return { privateKey: readKey(text(privatePem), "private"), publicKey: readKey(text(publicPem), "public"), keyId };
};
const [ours, other] = [pair(), pair()];
const signed = (options = {}) => signBlob(GOLDEN_BLOB, ours.privateKey, options);
const offsets = (header: string) =>
  Object.fromEntries(tableRows(PAGE, header, "offset", "type").map(([field, offset]) => [field!, Number(offset)]));

describe("a signature", () => {
  it("is the golden trailer of FORMAT.md", () => {
    const trailer = signBlob(GOLDEN_BLOB, RFC_KEY, { counter: 3, board: "microbit" });
    expect(trailer).toEqual(GOLDEN);
    const { x } = createPublicKey(RFC_KEY).export({ format: "jwk" });
    expect(Buffer.from(x!, "base64url").toString("hex")).toMatch(/^d75a9801.*f707511a$/);
  });

  it("is of the message that FORMAT.md says, put together from its tables", () => {
    const [at, message] = [offsets("Trailer"), Buffer.alloc(136)];
    const parts = offsets("Message");
    message.write("Little Tern model signature 1", parts.domain!);
    message.set(createHash("sha256").update(GOLDEN_BLOB).digest(), parts.sha256);
    message.writeBigUInt64LE(readBlob(GOLDEN_BLOB).modelId, parts.modelId);
    const trailer = signed({ counter: 0xfedcba98, board: "b" });
    message.set(trailer.subarray(0, at.signature), parts.trailer);
    expect(verify(null, message, ours.publicKey, trailer.subarray(at.signature))).toBe(true);
    const view = new DataView(trailer.buffer);
    expect(Buffer.from(trailer.subarray(at.keyId, at.keyId! + 8)).toString("hex")).toBe(ours.keyId);
    expect([view.getUint32(at.counter!, true), view.getUint32(at.abiVersion!, true)]).toEqual([0xfedcba98, 2]);
    expect(trailer[at.board!]).toBe("b".charCodeAt(0));
  });

  it.each([
    [{}, { counter: 0, board: "" }],
    [{ counter: 2 ** 32 - 1, board: "a-board_of-31-characters-at-mos" }, {}],
  ])("says again what was signed: %j", (options, rest) => {
    const trailer = signed(options);
    const expected = { keyId: ours.keyId, abiVersion: 2, ...options, ...rest };
    expect(verifySignature(GOLDEN_BLOB, trailer, ours.publicKey)).toEqual(expected);
    expect(readTrailer(trailer)).toEqual(expected);
  });

  it("stands behind the blob, which stays as it is", () => {
    const file = new Uint8Array(Buffer.concat([GOLDEN_BLOB, signed()]));
    const { blob, trailer } = splitTrailer(file);
    expect([blob, trailer]).toEqual([GOLDEN_BLOB, signed()]);
    expect(splitTrailer(GOLDEN_BLOB)).toEqual({ blob: GOLDEN_BLOB, trailer: new Uint8Array() });
    expect(() => readBlob(file)).toThrow("blob, byte 12: size");
    for (const file of [new Uint8Array(), new Uint8Array(200), GOLDEN_BLOB.subarray(0, 90)]) {
      expect(splitTrailer(file).blob).toEqual(file);
    }
  });

  it("denies every bit of the blob and of the trailer that was altered", () => {
    const trailer = signed({ counter: 3, board: "microbit" });
    for (let at = 0; at < GOLDEN_BLOB.length; at++) {
      const blob = GOLDEN_BLOB.with(at, GOLDEN_BLOB[at]! ^ (1 << (at % 8)));
      expect(() => verifySignature(blob, trailer, ours.publicKey), `byte ${at}`).toThrow(FlashError);
    }
    for (let bit = 0; bit < 8 * trailer.length; bit++) {
      const altered = trailer.with(bit >> 3, trailer[bit >> 3]! ^ (1 << (bit & 7)));
      expect(() => verifySignature(GOLDEN_BLOB, altered, ours.publicKey), `bit ${bit}`).toThrow(FlashError);
    }
  });

  it("denies a trailer cut short at every byte, and a longer one", () => {
    const trailer = signed();
    for (let bytes = 1; bytes < trailer.length; bytes++) {
      expect(() => verifySignature(GOLDEN_BLOB, trailer.subarray(0, bytes), ours.publicKey)).toThrow(
        `trailer, byte 0: ${bytes} bytes, expected 128`,
      );
    }
    const longer = new Uint8Array(129);
    longer.set(trailer);
    expect(() => verifySignature(GOLDEN_BLOB, longer, ours.publicKey)).toThrow("129 bytes, expected 128");
    expect(() => verifySignature(GOLDEN_BLOB, new Uint8Array(), ours.publicKey)).toThrow(
      "trailer: there is none: the model is not signed",
    );
  });

  const changed = (change: (view: DataView, trailer: Uint8Array) => void) => {
    const trailer = signed({ counter: 3, board: "microbit" });
    change(new DataView(trailer.buffer), trailer);
    return trailer;
  };
  it.each<[string, Uint8Array, string]>([
    [
      "another key",
      signBlob(GOLDEN_BLOB, other.privateKey),
      `trailer, byte 8: signed with key ${other.keyId}, expected ${ours.keyId}`,
    ],
    [
      "another key under the name of ours",
      changed((_, trailer) => trailer.set(signBlob(GOLDEN_BLOB, other.privateKey).subarray(64), 64)),
      `trailer, byte 64: not what key ${ours.keyId} signs: blob, statement or signature was altered`,
    ],
    ["another magic", changed((view) => view.setUint32(0, 1)), "trailer, byte 0: magic 0x1000000, expected 0x47495354"],
    ["a later format", changed((view) => view.setUint32(4, 2, true)), "trailer, byte 4: format version 2, expected 1"],
    ["another counter", changed((view) => view.setUint32(16, 4, true)), "trailer, byte 64: not what key"],
    [
      "another ABI version",
      changed((view) => view.setUint32(20, 3, true)),
      "trailer, byte 20: ABI version 3, expected 2 as in the blob",
    ],
    ["another board", changed((view) => view.setUint8(24, 0x4d)), "trailer, byte 64: not what key"],
    [
      "a board that is no word",
      changed((view) => view.setUint8(24, 0x1b)),
      'trailer, byte 24: board "\\u001bicrobit", expected up to 31 letters',
    ],
    ["a board behind the end of a name", changed((view) => view.setUint8(55, 0x61)), "trailer, byte 24: board"],
    ["bytes that have no meaning", changed((view) => view.setUint8(57, 9)), "trailer, byte 57: 9, expected 0"],
  ])("denies %s", (_, trailer, message) => {
    expect(() => verifySignature(GOLDEN_BLOB, trailer, ours.publicKey)).toThrow(FlashError);
    expect(() => verifySignature(GOLDEN_BLOB, trailer, ours.publicKey)).toThrow(message);
  });

  it.each([
    [{ counter: -1 }, "counter: -1, expected a whole number from 0 to 4294967295"],
    [{ counter: 2 ** 32 }, "counter: 4294967296"],
    [{ board: "a b" }, 'board: "a b", expected up to 31 letters'],
    [{ board: "x".repeat(32) }, "board: "],
    [{ board: "\n" }, 'board: "\\n"'],
  ])("is not made of %j", (options, message) => {
    expect(() => signed(options)).toThrow(FlashError);
    expect(() => signed(options)).toThrow(message);
  });
});

describe("keys", () => {
  const { privatePem, publicPem, keyId } = makeKeys();

  it("are read as they are written, and either half tells the id", () => {
    expect(keyIdOf(readKey(text(privatePem), "private"))).toBe(keyId);
    expect(keyIdOf(readKey(text(publicPem), "public"))).toBe(keyId);
    expect(keyId).toMatch(/^[0-9a-f]{16}$/);
    expect(makeKeys().keyId).not.toBe(keyId);
  });

  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 });
  it.each<[string, string, "private" | "public", string]>([
    [
      "a public key that should be private",
      publicPem,
      "private",
      "key: PUBLIC KEY, expected a private key of Ed25519: PRIVATE KEY in PEM",
    ],
    [
      "a private key that should be public",
      privatePem,
      "public",
      "key: PRIVATE KEY, expected a public key of Ed25519: PUBLIC KEY in PEM",
    ],
    [
      "an RSA key",
      rsa.publicKey.export({ type: "spki", format: "pem" }) as string,
      "public",
      "key: of rsa, expected Ed25519",
    ],
    [
      "a private RSA key",
      rsa.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      "private",
      "key: of rsa, expected Ed25519",
    ],
    ["a key cut short", privatePem.slice(0, 60), "private", "key: cannot be read: "],
    ["no key", "hello", "public", "key: no PEM text, expected a public key of Ed25519"],
  ])("refuse %s", (_, pem, type, message) => {
    expect(() => readKey(text(pem), type)).toThrow(FlashError);
    expect(() => readKey(text(pem), type)).toThrow(message);
  });
});
