import { join } from "node:path";
import { packageRoot } from "../base/package_root.ts";

/** The C sources and boards, as the package holds them. */
export const FIRMWARE = join(packageRoot(), "host", "firmware");
/** What is made of them, by hash; may be deleted at any time. */
export const CACHE = join(packageRoot(), ".cache", "firmware");
