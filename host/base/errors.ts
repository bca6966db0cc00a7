import { escapeText, shorten, shown } from "./printable.ts";

/** Longest line of a message. */
const LINE_CHARACTERS = 800;

/**
 * Base of every error that bad input can cause. The message says where, what was found and what was expected. It is made of lines, in which
 * every character can be seen: names out of files stand in them.
 */
export class TernError extends Error {
  override name = "TernError";

  constructor(...lines: string[]) {
    super(lines.map((line) => shorten(escapeText(line), LINE_CHARACTERS)).join("\n"));
  }
}

/** A checkpoint file that cannot be read, or that is not what it claims to be. */
export class CheckpointError extends TernError {
  override name = "CheckpointError";
}

/** One thing that stands in the way of a conversion: which node, and what would work instead. */
export interface Unsupported {
  node: string;
  op: string;
  /** Shapes or sizes, as text: "[64, 784]". Empty where the node has none. */
  shape: string;
  why: string;
  instead: string;
}

/** A well-formed checkpoint that this version cannot convert. Lists every reason at once; advice that is the same for several, once behind them. */
export class UnsupportedError extends TernError {
  override name = "UnsupportedError";
  readonly reasons: readonly Unsupported[];

  constructor(reasons: readonly Unsupported[]) {
    const lines = reasons.flatMap((r, i) => {
      const line = `  ${shown(r.op)} "${shown(r.node)}"${r.shape && ` ${shown(r.shape)}`}: ${r.why}`;
      const [isSame, isNext] = [reasons[i - 1], reasons[i + 1]].map((other) => other?.instead === r.instead);
      if (isNext) return [line];
      return isSame ? [line, `  Instead, of each: ${r.instead}`] : [`${line}. Instead: ${r.instead}`];
    });
    super(`${reasons.length} node${reasons.length === 1 ? "" : "s"} cannot be converted:`, ...lines);
    this.reasons = reasons;
  }
}

/** A graph that breaks the rules of `graph/graph.ts`. */
export class GraphError extends TernError {
  override name = "GraphError";

  constructor(graph: string, where: string, message: string) {
    super(`graph "${shown(graph)}", ${where}: ${message}`);
  }
}

/** A blob that breaks FORMAT.md. `offset` is the byte at which it does. */
export class BlobError extends TernError {
  override name = "BlobError";
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(`blob, byte ${offset}: ${message}`);
    this.offset = offset;
  }
}

/** An image for flash, a slot or a signature that cannot be made, or is not what it claims to be. `where` is the field, block or byte. */
export class FlashError extends TernError {
  override name = "FlashError";

  constructor(where: string, message: string) {
    super(`${where}: ${message}`);
  }
}

/** An argument of a wrong kind; an input or output file or array that does not fit the model. */
export class InputError extends TernError {
  override name = "InputError";
}

/** What an engine or the module reports while it runs; "state": a session that is disposed, or in the middle of a run. */
export type EngineFailure =
  | "missing"
  | "version"
  | "compile"
  | "trap"
  | "fuel"
  | "memory"
  | "status"
  | "packing"
  | "state";

/** An engine that is absent, refuses the module, or stops. `kind` tells which. */
export class EngineError extends TernError {
  override name = "EngineError";
  readonly kind: EngineFailure;

  constructor(kind: EngineFailure, ...lines: string[]) {
    super(...lines);
    this.kind = kind;
  }
}

/** How an update of a device's model ended without the new one: before there was a device, or anything was erased; while it was sent; by its trial, or by whoever stopped it. */
export type UpdateFailure = "no device" | "refused" | "broken off" | "rejected" | "stopped";

/** A device that did not take a model. What it ran before, or the new model, it runs; `kind` tells how it ended. */
export class UpdateError extends TernError {
  override name = "UpdateError";
  readonly kind: UpdateFailure;

  constructor(kind: UpdateFailure, message: string) {
    super(`${kind}: ${message}`);
    this.kind = kind;
  }
}
