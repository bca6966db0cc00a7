export { sign32Bit } from "../scalar/sign32_bit";
