/**
 * The next turn of the event loop. SQLite never gives the event loop back: between the transactions of a long work, whoever has
 * something to read or to send gets a turn.
 */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
