export { sign128Bit } from "../simd/sign128_bit";
