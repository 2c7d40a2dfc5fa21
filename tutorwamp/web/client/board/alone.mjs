// The board alone, for whoever brings a connection of their own: kept as the server has it, and drawn on. How elements look is in
// `tutorwamp/board/shapes`, which of them is meant by a place in `tutorwamp/board/hits`, where people point in `…/cursor`.

export { NOT_KEPT, Kept } from "../chat/kept.mjs";
export { Board } from "./board.mjs";
export { changed, Replica } from "./replica.mjs";
export { PenStroke } from "./stroke.mjs";
