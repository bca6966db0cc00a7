export { tap8Code } from "../simd/tap8_code";
