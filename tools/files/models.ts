import type { KeyObject } from "node:crypto";
import {
  BlobError,
  CheckpointError,
  FlashError,
  GraphError,
  InputError,
  UnsupportedError,
} from "../../host/base/errors.ts";
import { BLOB, fileKind, NPY } from "../../host/base/file_kind.ts";
import { escapeText } from "../../host/base/printable.ts";
import { MAX_ARCH_BYTES } from "../../host/checkpoint/arch/layers.ts";
import { canConvert } from "../../host/checkpoint/index.ts";
import { isTrailer, readKey, splitTrailer } from "../../host/flash/signature.ts";
import { readFile } from "./files.ts";
import { nameOf } from "./stdio.ts";

/** A key of Ed25519 in PEM has 119. */
const MAX_KEY_BYTES = 2 ** 16;

/** Reads a file that should be a blob, and says what it is where it is of another kind. Of a signed one, the blob alone. */
export async function readModel(path: string): Promise<Uint8Array> {
  const bytes = await readModelFile(path);
  const { blob, trailer } = splitTrailer(bytes);
  return isTrailer(trailer) ? blob : bytes;
}

async function readModelFile(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  const kind = fileKind(bytes);
  if (kind === undefined || kind === BLOB) return bytes;
  const needed = kind !== NPY && canConvert(kind); // that is an input rather than weights
  const options = needed === "arch" ? " --arch net.json" : "";
  const advice = needed ? `; convert it first: npx littletern convert ${path}${options} -o model.tern` : "";
  throw new InputError(`${nameOf(path)}: is ${kind}, expected ${BLOB}${advice}`);
}

/** Reads a file that should be a blob, signed or not. A reader has to prove either part. */
export async function readSignedModel(path: string): Promise<{ blob: Uint8Array; trailer: Uint8Array }> {
  return splitTrailer(await readModelFile(path));
}

/** Reads a key of Ed25519. Its errors name the file. */
export async function readKeyFile(path: string, type: "private" | "public"): Promise<KeyObject> {
  const pem = await readFile(path, MAX_KEY_BYTES);
  return namingFiles({ model: path }, async () => readKey(pem, type));
}

/** Reads a network described by hand, as text. */
export async function readArchFile(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path, MAX_ARCH_BYTES));
  } catch (error) {
    if (error instanceof TypeError) throw new InputError(`${nameOf(path)}: found no text in UTF-8, expected JSON`);
    throw error;
  }
}

/** Does work on a blob, a checkpoint or both, and puts the file's name before what is wrong with either. */
export async function namingFiles<T>(
  files: { model?: string; checkpoint?: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const ofCheckpoint =
      error instanceof CheckpointError || error instanceof UnsupportedError || error instanceof GraphError;
    const ofModel = error instanceof BlobError || error instanceof FlashError;
    const path = ofModel ? files.model : ofCheckpoint ? files.checkpoint : undefined;
    if (path !== undefined) (error as Error).message = `${escapeText(nameOf(path))}: ${(error as Error).message}`;
    throw error;
  }
}
