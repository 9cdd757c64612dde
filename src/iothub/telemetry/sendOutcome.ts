import type { Problem } from '../../problems';

/** The outcome of a message: undefined if the hub has stored it, otherwise the problem. */
export type SendOutcome = Problem | undefined;
