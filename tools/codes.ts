import { STATUSES } from "../host/base/status.ts";
import { DEVICE_STATUS } from "../host/firmware/link/protocol.ts";
import { FIRST_UPDATE_STATUS, UPDATE_STATUSES } from "../host/firmware/slots/status.ts";

/** A number by which something of Little Tern says how it ended. */
export interface Code {
  /** What says it. */
  of: string;
  code: number;
  name?: string;
  /** Sentences without a full stop. */
  means: string;
  todo: string;
}

const COMMAND = "exit code of littletern";
const MODULE = "status of the module tern.wasm (open, invoke, plan)";
const DEVICE = "status of a device, or of the C library";
const UPDATE = "status of the slots of a device";
const WASI = "exit code of tern-cli.wasm";

type Entry = [code: number, means: string, todo: string, name?: string];

/** Exit codes of the command line (tools/command_line.ts). */
const COMMAND_CODES: Entry[] = [
  [0, "the command did what it was asked", "nothing"],
  [
    1,
    "a file is bad, a model wrong, an engine missing, or a proof has failed",
    "read the line on standard error: it names the file, what was found and what was expected",
  ],
  [2, "the command line makes no sense", "`npx littletern help COMMAND` lists arguments and options"],
  [
    3,
    "a device would not run the model: another board, ABI or module, too little memory, or a counter; nothing was erased",
    "read the line on standard error: it says what the device is, and what the model needs",
  ],
  [
    4,
    "an update broke off: the device no longer answers, or its flash does not take what is written",
    "see to cable and power, and give the same command again: it goes on where it was",
  ],
  [
    5,
    "the model failed on its trial, and the device has gone back to the one before",
    "`npx littletern verify` runs the same golden pairs here; read what went wrong on the device",
  ],
  [6, "an update was stopped with Ctrl-C", "give the same command again: it goes on where it was"],
  [
    7,
    "there is no such device, or nothing answers there that speaks the protocol",
    "check port, cable and power, and that the firmware is one of Little Tern; `npx littletern doctor` lists what an emulated board needs",
  ],
];

const { noBlob, badBlob, outOfMemory, badTensor, trap, badFrame, badRequest, fault } = DEVICE_STATUS;

/** Those of host/firmware/link/PROTOCOL.md and library/tern.h, beside the module's. */
const DEVICE_CODES: Entry[] = [
  [
    noBlob,
    "no blob: its part of flash is empty",
    "flash the blob to the address that the board's file names",
    "TERN_NO_BLOB",
  ],
  [
    badBlob,
    "a damaged or half-written blob: no magic, sizes that do not fit, or a wrong checksum",
    "flash the blob again, all of it",
    "TERN_BAD_BLOB",
  ],
  [
    outOfMemory,
    "the model takes more RAM than it was given",
    "`npx littletern fit` says how much; give more, or run fewer rows at a time",
    "TERN_OUT_OF_MEMORY",
  ],
  [
    badTensor,
    "a tensor, or bytes of it, that the model does not have",
    "`npx littletern inspect` lists inputs, outputs and their elements",
    "TERN_BAD_TENSOR",
  ],
  [trap + 1, "the module trapped: it reached out of its memory", "report it with the blob: no blob may cause it"],
  [trap + 2, "the module trapped: unreachable code", "report it with the blob: no blob may cause it"],
  [trap + 3, "the stack overflowed, as the runtime counts it", "give it more stack"],
  [
    trap + 4,
    "the runtime refused the module",
    "make the firmware again, with a module that its runtime runs: `npx littletern firmware`",
  ],
  [
    trap + 5,
    "the module trapped for another reason, such as a division by zero",
    "report it with the blob: no blob may cause it",
  ],
  [
    badFrame,
    "a bad frame: bytes were lost or changed on the line",
    "the host sends it again by itself; if it stays, check the baud rate and the cable",
  ],
  [badRequest, "a request that the device does not know", "make the firmware and the command line of the same version"],
  [
    fault,
    "the core faulted: stack overflow, forbidden access, or no instruction",
    "give it more stack; the address and the cause stand behind the status",
  ],
];

/** Exit codes of assembly/wasi/README.md. */
const WASI_CODES: Entry[] = [
  [0, "every sample has been run", "nothing"],
  [
    2,
    "not exactly one argument, or one that begins with -",
    "give the path of a blob alone; samples come through the input",
  ],
  [3, "no such file in the folders that the runtime gives", "name the blob's folder: `wasmtime run --dir .`"],
  [4, "the blob cannot be read; the number is an errno of WASI", "see that it is a file, and may be read"],
  [5, "the file is no blob", "`npx littletern convert` makes one of a checkpoint"],
  [6, "the blob is cut short, or something stands behind its end", "copy it again"],
  [7, "the blob is damaged: its checksum is wrong", "copy it again"],
  [8, "the blob is malformed; the number is a status of the module", "convert the checkpoint again"],
  [
    9,
    "the blob needs a packing, an op or a format version that this build lacks",
    "`npx littletern repack --for any` packs it for this build",
  ],
  [
    10,
    "the input ends within a sample",
    "a sample is one row of every input, as `npx littletern inspect` lists them, without a header",
  ],
  [11, "an f32 of the input is NaN or infinite", "give finite numbers, little-endian"],
  [12, "the input cannot be read; the number is an errno of WASI", "check what is piped in"],
  [13, "the output cannot be written; the number is an errno of WASI", "check the disk, or what reads the pipe"],
  [14, "not enough memory", "let the runtime give more, or convert with a smaller --max-rows"],
];

/** Every code that somebody may meet. */
export const CODES: readonly Code[] = [
  ...COMMAND_CODES.map((entry) => codeOf(COMMAND, entry)),
  ...STATUSES.map(([name, means, todo], code) => codeOf(MODULE, [code, means, todo, name])),
  ...DEVICE_CODES.map((entry) => codeOf(DEVICE, entry)),
  ...UPDATE_STATUSES.map(([name, means, todo], i) => codeOf(UPDATE, [FIRST_UPDATE_STATUS + i, means, todo, name])),
  ...WASI_CODES.map((entry) => codeOf(WASI, entry)),
];

function codeOf(of: string, [code, means, todo, name]: Entry): Code {
  return { of, code, ...(name && { name }), means, todo };
}
