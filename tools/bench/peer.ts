import type { WeightDtype } from "../../host/program.ts";
import type { Matmul, Solver } from "./matmul.ts";

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

/**
 * Largest relative error of a peer. Rounding activations to 8 bits costs 0.4 %; a 4-bit format with scales of its own rounds the
 * weights too, which costs a few; a wrong layout costs all.
 */
export const PEER_TOLERANCE = 0.1;
