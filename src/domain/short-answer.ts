/**
 * Up to this many characters a text, such as "sí" or "1", may be the answer to each of several questions: the same one twice is then
 * no repetition.
 */
export const SHORT_ANSWER = 16;

/** How far back questions are looked for, messages. */
export const LOOK_BACK = 12;
