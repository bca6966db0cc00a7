import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { Cursor } from "../base/cursor.ts";
import { FlashError } from "../base/errors.ts";
import { shown } from "../base/printable.ts";
import { MAGIC as BLOB_MAGIC, HEADER, HEADER_BYTES } from "../blob/layout.ts";

// Trailers as host/flash/FORMAT.md defines them.

const TRAILER = {
  magic: 0,
  formatVersion: 4,
  keyId: 8,
  counter: 16,
  abiVersion: 20,
  board: 24,
  signature: 64,
} as const;
const TRAILER_BYTES = 128;
const MAGIC = 0x47495354; // "TSIG"
const FORMAT_VERSION = 1;
const KEY_ID_BYTES = 8;
const BOARD_BYTES = 32;
const SIGNATURE_BYTES = 64;

const MESSAGE = { domain: 0, sha256: 32, modelId: 64, trailer: 72 } as const;
const DOMAIN = "Little Tern model signature 1";

/** What a signature says of a model. */
export interface Statement {
  /** 16 hexadecimal digits. */
  keyId: string;
  counter: number;
  abiVersion: number;
  /** Empty: any board. */
  board: string;
}

/** A file as a blob and what lies behind its end. Neither is looked into: what is no blob, or one cut short, is all blob. */
export function splitTrailer(file: Uint8Array): { blob: Uint8Array; trailer: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isBlob = file.length >= HEADER_BYTES && view.getUint32(HEADER.magic, true) === BLOB_MAGIC;
  const end = isBlob ? Math.max(view.getUint32(HEADER.totalBytes, true), HEADER_BYTES) : file.length;
  return { blob: file.subarray(0, end), trailer: file.subarray(end) };
}

/** Whether what lies behind a blob says that it is a trailer; other bytes there are of no use to anybody. */
export function isTrailer(bytes: Uint8Array): boolean {
  return bytes.length === TRAILER_BYTES && Buffer.from(bytes).readUInt32LE(TRAILER.magic) === MAGIC;
}

/** A new pair of Ed25519 keys as PEM text, PKCS #8 and SubjectPublicKeyInfo, and their id. */
export function makeKeys(): { privatePem: string; publicPem: string; keyId: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const privatePem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const publicPem = publicKey.export({ type: "spki", format: "pem" }) as string;
  return { privatePem, publicPem, keyId: keyIdOf(publicKey) };
}

/** An Ed25519 key out of PEM text: PKCS #8, or SubjectPublicKeyInfo. Throws FlashError. */
export function readKey(pem: Uint8Array, type: "private" | "public"): KeyObject {
  const text = Buffer.from(pem).toString("latin1");
  const label = type === "private" ? "PRIVATE KEY" : "PUBLIC KEY";
  if (!text.includes(`-----BEGIN ${label}-----`)) {
    const [, found] = text.match(/-----BEGIN ([A-Z0-9 ]+)-----/) ?? [];
    throw new FlashError("key", `${found ?? "no PEM text"}, expected a ${type} key of Ed25519: ${label} in PEM`);
  }
  let key: KeyObject;
  try {
    key = type === "private" ? createPrivateKey(text) : createPublicKey(text);
  } catch (error) {
    throw new FlashError("key", `cannot be read: ${(error as Error).message}`);
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new FlashError("key", `of ${key.asymmetricKeyType}, expected Ed25519`);
  }
  return key;
}

/** The id of a key, or of its public half: 16 hexadecimal digits. */
export function keyIdOf(key: KeyObject): string {
  const { x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return createHash("sha256")
    .update(Buffer.from(x!, "base64url"))
    .digest("hex")
    .slice(0, 2 * KEY_ID_BYTES);
}

/**
 * The trailer that signs a blob, which is one: a reader has proven it. `counter` is a u32; `board` is a word of up to 31 letters, digits, _ and -,
 * or empty for any. Throws FlashError.
 */
export function signBlob(blob: Uint8Array, key: KeyObject, { counter = 0, board = "" } = {}): Uint8Array {
  if (!Number.isInteger(counter) || counter < 0 || counter >= 2 ** 32) {
    throw new FlashError("counter", `${counter}, expected a whole number from 0 to ${2 ** 32 - 1}`);
  }
  if (!isBoard(board)) throw new FlashError("board", `"${shown(board)}", expected ${BOARD_FORM}`);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(MAGIC, TRAILER.magic);
  trailer.writeUInt32LE(FORMAT_VERSION, TRAILER.formatVersion);
  trailer.write(keyIdOf(key), TRAILER.keyId, "hex");
  trailer.writeUInt32LE(counter, TRAILER.counter);
  trailer.writeUInt32LE(abiVersionOf(blob), TRAILER.abiVersion);
  trailer.write(board, TRAILER.board, "latin1");
  trailer.set(sign(null, messageOf(blob, trailer), key), TRAILER.signature);
  return new Uint8Array(trailer);
}

/** What a trailer says, whether it is true or not. Throws FlashError, with the byte, for what is no trailer. */
export function readTrailer(trailer: Uint8Array): Statement {
  const fail = (field: keyof typeof TRAILER, message: string): never => {
    throw new FlashError(`trailer, byte ${TRAILER[field]}`, message);
  };
  if (trailer.length !== TRAILER_BYTES) fail("magic", `${trailer.length} bytes, expected ${TRAILER_BYTES}`);
  const cursor = new Cursor(trailer, (offset, message) => new FlashError(`trailer, byte ${offset}`, message));
  const magic = cursor.u32();
  if (magic !== MAGIC) fail("magic", `magic 0x${magic.toString(16)}, expected 0x${MAGIC.toString(16)}`);
  const version = cursor.u32();
  if (version !== FORMAT_VERSION) fail("formatVersion", `format version ${version}, expected ${FORMAT_VERSION}`);
  const keyId = Buffer.from(cursor.bytes(KEY_ID_BYTES)).toString("hex");
  const [counter, abiVersion] = [cursor.u32(), cursor.u32()];
  const board = Buffer.from(cursor.bytes(BOARD_BYTES)).toString("latin1").replace(/\0+$/, "");
  if (!isBoard(board)) fail("board", `board "${shown(board)}", expected ${BOARD_FORM}`);
  const unused = cursor.bytes(TRAILER.signature - cursor.offset).findIndex((byte) => byte !== 0);
  if (unused >= 0) {
    const at = TRAILER.board + BOARD_BYTES + unused;
    throw new FlashError(`trailer, byte ${at}`, `${trailer[at]}, expected 0`);
  }
  return { keyId, counter, abiVersion, board };
}

/** What a key has signed of a blob. Throws FlashError for another key, for a blob, a statement or a signature that was altered, and for no trailer. */
export function verifySignature(blob: Uint8Array, trailer: Uint8Array, key: KeyObject): Statement {
  if (trailer.length === 0) throw new FlashError("trailer", "there is none: the model is not signed");
  const statement = readTrailer(trailer);
  if (statement.keyId !== keyIdOf(key)) {
    throw new FlashError(
      `trailer, byte ${TRAILER.keyId}`,
      `signed with key ${statement.keyId}, expected ${keyIdOf(key)}`,
    );
  }
  if (statement.abiVersion !== abiVersionOf(blob)) {
    const expected = `expected ${abiVersionOf(blob)} as in the blob`;
    throw new FlashError(`trailer, byte ${TRAILER.abiVersion}`, `ABI version ${statement.abiVersion}, ${expected}`);
  }
  const signature = trailer.subarray(TRAILER.signature, TRAILER.signature + SIGNATURE_BYTES);
  if (!verify(null, messageOf(blob, trailer), key, signature)) {
    const why = `not what key ${statement.keyId} signs: blob, statement or signature was altered`;
    throw new FlashError(`trailer, byte ${TRAILER.signature}`, why);
  }
  return statement;
}

const BOARD_FORM = "up to 31 letters, digits, _ and -, or nothing for any board";

function isBoard(board: string): boolean {
  return /^[\w-]{0,31}$/.test(board);
}

function abiVersionOf(blob: Uint8Array): number {
  return Buffer.from(blob.buffer, blob.byteOffset, blob.length).readUInt16LE(HEADER.abiVersion);
}

/** What is signed. */
function messageOf(blob: Uint8Array, trailer: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE.trailer + TRAILER.signature);
  message.set(Buffer.from(DOMAIN, "latin1"), MESSAGE.domain);
  message.set(createHash("sha256").update(blob).digest(), MESSAGE.sha256);
  message.set(blob.subarray(HEADER.modelId, HEADER.modelId + 8), MESSAGE.modelId);
  message.set(trailer.subarray(0, TRAILER.signature), MESSAGE.trailer);
  return message;
}
