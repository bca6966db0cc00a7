export { field2x16Code } from "../common/absent";
