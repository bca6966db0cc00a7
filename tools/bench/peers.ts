import { EngineError } from "../../host/errors.ts";
import type { WeightDtype } from "../../host/program.ts";
import { openGgml } from "./ggml.ts";
import type { Matmul, Solver } from "./matmul.ts";
import { openOnnxruntime } from "./onnxruntime.ts";

/** Somebody else's kernel for the same task. */
export interface Peer {
  name: string;
  /** Weights of the task that it is given. */
  dtype: WeightDtype;
  solve(matmul: Matmul, rows: number): Promise<Solver>;
}

export interface PeerLibrary {
  name: string;
  version: string;
  peers: Peer[];
}

/** The libraries that are here, and why the others are not. */
export async function openPeers(): Promise<{ libraries: PeerLibrary[]; missing: string[] }> {
  const libraries: PeerLibrary[] = [];
  const missing: string[] = [];
  for (const open of [openGgml, openOnnxruntime]) {
    try {
      libraries.push(await open());
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      missing.push(error.message);
    }
  }
  return { libraries, missing };
}

/**
 * Largest relative error of a peer. Rounding activations to 8 bits costs 0.4 %; a 4-bit format with scales of its own rounds the
 * weights too, which costs a few; a wrong layout costs all.
 */
export const PEER_TOLERANCE = 0.1;
