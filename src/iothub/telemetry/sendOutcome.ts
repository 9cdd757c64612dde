import type { Problem } from '../../errorCodes';

/** The outcome of a message: undefined if the hub has stored it, otherwise the problem. */
export type SendOutcome = Problem | undefined;

/** Whether the problem concerns one message, so that others of the same device can succeed. */
export const isOfOneMessage = ({ code }: Problem): boolean =>
  code === 'invalid_request' || code === 'message_too_large';
