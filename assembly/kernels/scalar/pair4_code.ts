export { pair4Code } from "../common/absent";
