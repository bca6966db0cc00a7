/** The words of sign128 are those of sign32. */
export { sign32Bit as sign128Bit } from "./sign32_bit";
