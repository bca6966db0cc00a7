import { EngineError } from "../../host/errors.ts";
import { openGgml } from "./ggml.ts";
import { openOnnxruntime } from "./onnxruntime.ts";
import type { PeerLibrary } from "./peer.ts";

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
