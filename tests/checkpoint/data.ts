import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DATA = process.env.TERN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));

/** Published QONNX file of a 784-64-64-64-10 network with 1-bit weights and activations (Brevitas example, via FINN). */
export const TFC = `${DATA}/qonnx/TFC_1W1A.onnx`;

/** For titles of tests that are skipped without it. */
export const NEEDS_TFC = `needs ${TFC} (or TERN_DATA)`;

if (!existsSync(TFC)) console.warn(`SKIPPED: what ${NEEDS_TFC}`);
