/** Status codes of the module, by number (assembly/ABI.md): what each means and what to do about it, for people. */
export const STATUSES = [
  ["Ok", "all went well", "nothing"],
  ["BadMagic", "these bytes are no blob of Little Tern", "give a file that `npx littletern convert` has written"],
  [
    "BadVersion",
    "the blob is of another format or ABI version than the module",
    "convert the checkpoint again with the version of Little Tern that the module is from",
  ],
  [
    "BadSize",
    "as many bytes as were given are neither the blob's nor its head's",
    "give the whole file, or for streamed weights its first headBytes bytes",
  ],
  [
    "BadChecksum",
    "the head or the weights are not those that were written: the blob is damaged",
    "copy or flash the blob again; compare it with the original",
  ],
  ["BadHead", "the tables of the blob do not fill its head", "the blob is malformed: convert the checkpoint again"],
  [
    "BadPart",
    "the blob has no weights, has them outside of its bytes, or has some that no op reads",
    "the blob is malformed: convert the checkpoint again",
  ],
  [
    "BadTensor",
    "a tensor of the blob lies outside of the activations' memory, or has no channels",
    "the blob is malformed: convert the checkpoint again",
  ],
  [
    "BadOp",
    "tensors, tiles or records of an op of the blob do not fit it",
    "the blob is malformed: convert the checkpoint again",
  ],
  [
    "Unsupported",
    "the blob has an op, a packing or a dtype that this build of the module leaves out",
    "pack it for what runs it, `npx littletern repack --for any` fits every build that has its ops; or take a larger build",
  ],
  [
    "BadRows",
    "the number of rows is 0, or more than the blob or `open` allowed",
    "run fewer rows at a time, open for more, or convert with `--max-rows`",
  ],
  [
    "BadMemory",
    "the work area is too small, or it, the blob and the module's own bytes overlap",
    "give as many bytes as `plan` and the head say, behind the blob, which stands behind the first features(2) bytes",
  ],
  ["NotOpen", "no model is open", "call `open` first; after any failure it has to be called again"],
  ["BadRange", "the blob does not have ops of these numbers", "0 <= firstOp <= endOp <= the number of its ops"],
  [
    "ReadFailed",
    "the import that reads streamed weights returned an error",
    "see that `weights_read` can read as many bytes of the blob, from its offset on",
  ],
] as const;

export type Status = (typeof STATUSES)[number][0];

/** Their names. */
export const STATUS: readonly Status[] = STATUSES.map(([name]) => name);

/** "BadChecksum: the head or the weights …", for a status of the module. */
export function statusText(status: number): string | undefined {
  const known = STATUSES[status];
  return known && `${known[0]}: ${known[1]}`;
}
