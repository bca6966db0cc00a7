/** The ABI: see ABI.md. */
export { abi_version, features, invoke, open, plan, reset } from "./model";
