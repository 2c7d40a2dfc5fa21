// Types of writing.mjs.

/** What somebody has typed or pasted, as the server takes it; several lines. `chat.send` and `chat.edit` do it by themselves. */
export declare function written(typed: string): string;
/** The same as one line, such as a title or a query. */
export declare function writtenLine(typed: string): string;
/** Somebody's name or title where it stands alone, without the marks that turn what follows round. */
export declare function straight(text: string): string;
/** The same for a sentence among whose words it stands. */
export declare function isolated(text: string): string;
/** Whether there is something to see. */
export declare function isVisible(text: string): boolean;
/** Whether a key belongs to an input method: the Enter that ends a choice of characters sends nothing. */
export declare function isForInputMethod(event: { isComposing: boolean; keyCode: number }): boolean;
