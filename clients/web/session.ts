/** The session of a visitor, which is stored in localStorage. */

import { newMessageId } from './messageId';

/** As in Google Analytics: a session ends after 30 minutes of inactivity. */
const INACTIVITY_MS = 30 * 60_000;
const KEY = 'hubfront-session';

interface Session {
  id: string;
  /** time of its last event, ms since 1970 */
  last: number;
  /** `page_referrer` and `utm_…` of its first page */
  source: Record<string, string>;
  user: string | undefined;
}

/** The visitor's session, shared by the tabs of an origin. Without localStorage, it lasts as long as the page. */
export function createSessions() {
  let own: Session | undefined;
  /** A session that begins later on the same page has no source. */
  let source: Record<string, string> | undefined = sourceOfPage();

  const read = (): Session | undefined => {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Session> | null;
      if (typeof found?.id === 'string' && typeof found.last === 'number')
        return { id: found.id, last: found.last, source: found.source ?? {}, user: found.user };
    } catch {
      // localStorage is blocked, or the entry belongs to another program.
    }
    return own;
  };
  const write = (session: Session): Session => {
    own = session;
    try {
      localStorage.setItem(KEY, JSON.stringify(session));
    } catch {
      // localStorage cannot be used, so the page keeps its own copy.
    }
    return session;
  };
  /** The session at the time of an event. */
  const touch = (): Session => {
    const now = Date.now();
    const before = read();
    const isOver = !before || Math.abs(now - before.last) > INACTIVITY_MS;
    const session = isOver
      ? { id: newMessageId(), last: now, source: source ?? {}, user: before?.user }
      : { ...before, last: now };
    source = undefined;
    return write(session);
  };

  return {
    touch,
    identify: (user: string | undefined) => {
      write({ ...touch(), user });
    },
    forget: () => {
      own = undefined;
      try {
        localStorage.removeItem(KEY);
      } catch {
        // Storing failed.
      }
    },
  };
}

/** The referring page of another site, and the campaign in the URL. */
function sourceOfPage(): Record<string, string> {
  const found: Record<string, string> = {};
  const { referrer } = document;
  if (referrer !== '' && new URL(referrer).origin !== location.origin) found.page_referrer = referrer;
  for (const [name, value] of new URLSearchParams(location.search))
    if (/^utm_(?:source|medium|campaign|term|content)$/.test(name)) found[name] = value;
  return found;
}
