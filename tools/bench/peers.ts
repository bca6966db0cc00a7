import { EngineError } from "../../host/base/errors.ts";
import { openGgml } from "./ggml.ts";
import { openLiteRt } from "./litert.ts";
import { openLiteRtJs } from "./litert_js.ts";
import { openOnnxruntime, openOnnxruntimeWeb } from "./onnxruntime.ts";
import type { PeerLibrary } from "./peer.ts";

/** Each opens a library, or throws EngineError "missing". */
const LIBRARIES: Record<string, () => Promise<PeerLibrary>> = {
  ggml: openGgml,
  "onnxruntime-node": openOnnxruntime,
  LiteRT: openLiteRt,
  "onnxruntime-web": openOnnxruntimeWeb,
  "LiteRT.js": openLiteRtJs,
};

/** The libraries of these names, all if none are given, as far as they are here, and why the others are not. */
export async function openPeers(
  names = Object.keys(LIBRARIES),
): Promise<{ libraries: PeerLibrary[]; missing: string[] }> {
  const libraries: PeerLibrary[] = [];
  const missing: string[] = [];
  for (const name of names) {
    try {
      libraries.push(await LIBRARIES[name]!());
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      missing.push(error.message);
    }
  }
  return { libraries, missing };
}
