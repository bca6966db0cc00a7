import { describePlacesOn } from "./suite.ts";

describePlacesOn("board");
