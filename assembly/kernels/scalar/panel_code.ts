export { PANEL_ROWS, panelCode } from "../common/absent";
