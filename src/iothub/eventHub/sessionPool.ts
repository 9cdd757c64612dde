import type { Connection, Session } from 'rhea';

/** Sessions that are open and carry no link. */
export interface SessionPool {
  /** One that is free, or a new one; it is the caller's alone. */
  take: () => Session;
  /** Its last link must be detached on both sides. */
  giveBack: (session: Session) => void;
}

/**
 * A reader has a session of its own, as in the SDKs: a slow partition does not hold up another. The session outlives it,
 * for the next reader: to open and end one takes four frames, a reader alone five.
 */
export function createSessionPool(amqp: Connection): SessionPool {
  const free: Session[] = [];
  return {
    take: () => {
      for (let session = free.pop(); session; session = free.pop()) {
        if (session.is_open()) return session;
      }
      const session = amqp.create_session();
      session.begin();
      return session;
    },
    giveBack: (session) => {
      free.push(session);
    },
  };
}
