import { join } from "node:path";
import type { WeightDtype } from "../../host/program.ts";
import type { ConvolutionPeer } from "./convolution.ts";
import type { FloatTwin } from "./float_twin.ts";
import type { Matmul, Solver } from "./matmul.ts";
import type { Work } from "./timing.ts";

/** Where `npm run bench:peers` installs them, from the package's folder on. */
export const PEERS_FOLDER = join("tools", "bench", "peers", "node_modules");

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
  /** Not every library has them. */
  convolutions?: ConvolutionPeer[];
  /** Whole networks of floats: the twin of one of ours on the rows `x`, checked. Not every library has it. */
  solveTwin?(twin: FloatTwin, x: Float32Array): Promise<{ run: Work; dispose(): Promise<void> }>;
  /** Ends what the library keeps running. */
  close?(): Promise<void>;
}

/**
 * Largest relative error of a peer. Rounding activations to 8 bits costs 0.4 %; a 4-bit format with scales of its own rounds the
 * weights too, which costs a few; a wrong layout costs all.
 */
export const PEER_TOLERANCE = 0.1;
