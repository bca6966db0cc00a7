export { prepare, preparedBytes } from "../scalar/rows";
