import type { Problem } from '../../problems';

/** What became of a message: nothing is wrong when the hub has stored it. */
export type SendOutcome = Problem | undefined;
