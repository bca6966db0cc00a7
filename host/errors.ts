/** Base of every error that bad input can cause. The message says where, what was found and what was expected. */
export class TernError extends Error {
  override name = "TernError";
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

/** A well-formed checkpoint that this version cannot convert. Lists every reason at once. */
export class UnsupportedError extends TernError {
  override name = "UnsupportedError";
  readonly reasons: readonly Unsupported[];

  constructor(reasons: readonly Unsupported[]) {
    const lines = reasons.map(
      (r) => `  ${r.op} "${r.node}"${r.shape && ` ${r.shape}`}: ${r.why}. Instead: ${r.instead}`,
    );
    super(`${reasons.length} node${reasons.length === 1 ? "" : "s"} cannot be converted:\n${lines.join("\n")}`);
    this.reasons = reasons;
  }
}

/** A graph that breaks the rules of `graph/graph.ts`. */
export class GraphError extends TernError {
  override name = "GraphError";

  constructor(graph: string, where: string, message: string) {
    super(`graph "${graph}", ${where}: ${message}`);
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

/** An input or output file or array that does not fit the model. */
export class InputError extends TernError {
  override name = "InputError";
}

/** What an engine or the module reports while it runs. */
export type EngineFailure = "missing" | "version" | "compile" | "trap" | "fuel" | "memory" | "status" | "packing";

/** An engine that is absent, refuses the module, or stops. `kind` tells which. */
export class EngineError extends TernError {
  override name = "EngineError";
  readonly kind: EngineFailure;

  constructor(kind: EngineFailure, message: string) {
    super(message);
    this.kind = kind;
  }
}
