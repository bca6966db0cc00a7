export { pair4Code } from "../simd/pair4_code";
