import type { Session } from 'rhea';
import type { AmqpConnection } from './connection';

/** Open sessions without a link. */
export interface SessionPool {
  /** Returns a free session, or a new one. Only the caller uses it. */
  take: () => Session;
  /** Returns a session to the pool. The service must have detached its last link. */
  giveBack: (session: Session) => void;
}

/**
 * Each reader has its own session, as in the SDKs, so that a slow partition does not block another. The next reader
 * uses the session again, because opening and ending a session takes four frames, and a reader alone takes five.
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
