import type { Session } from 'rhea';
import type { AmqpConnection } from './connection';

/** Sessions that are open and carry no link. */
export interface SessionPool {
  /** One that is free, or a new one; it is the caller's alone. */
  take: () => Session;
  /** The service must have detached its last link. */
  giveBack: (session: Session) => void;
}

/**
 * A reader has a session of its own, as in the SDKs: a slow partition does not hold up another. The session outlives it,
 * for the next reader: to open and end one takes four frames, a reader alone five.
 */
export function createSessionPool({ beginSession }: AmqpConnection): SessionPool {
  const free: Session[] = [];
  return {
    take: () => {
      for (let session = free.pop(); session; session = free.pop()) {
        if (session.is_open()) return session;
      }
      return beginSession();
    },
    giveBack: (session) => {
      free.push(session);
    },
  };
}
