import type { EventName, MessageReport } from './api';
import { type Message, deviceMessageOf } from './message';

/** An event that one tab sends to the others. Each tab knows the messages that it tracked. */
export type TabEvent = Omit<MessageReport, 'deviceMessage'> & { name: EventName };

/** Reports an event for each message, with its name and details. */
export type Report = (
  messages: readonly Message[],
  describe: (message: Message) => Partial<TabEvent> & { name: EventName },
) => void;

export interface Reporting {
  /** Calls the listeners of all tabs. */
  report: Report;
  /** Calls the listeners of this tab, for the messages that it tracked. */
  receive: (events: readonly TabEvent[]) => void;
  on: (name: EventName, listener: (report: MessageReport) => void) => () => void;
  dropped: () => number;
}

/**
 * @param tracked the messages that this tab tracked; messages that another tab has settled are removed from it
 * @param post sends events to the other tabs
 */
export function createReporting(
  tracked: Map<string, Message>,
  post: (events: TabEvent[]) => void,
): Reporting {
  const listeners = new Map<EventName, Set<(report: MessageReport) => void>>();
  let dropped = 0;

  const notify = (message: Message, event: TabEvent): void => {
    const { name, ...details } = event;
    if (details.code === 'queue_full') dropped += 1;
    for (const listener of listeners.get(name) ?? []) {
      try {
        listener({ ...details, deviceMessage: deviceMessageOf(message) });
      } catch (error) {
        console.error(error);
      }
    }
  };

  return {
    report: (messages, describe) => {
      const events = messages.map((message) => {
        const event: TabEvent = {
          messageId: message.id,
          code: '',
          status: 0,
          cause: '',
          retryIn: 0,
          beacon: false,
          ...describe(message),
        };
        notify(message, event);
        return event;
      });
      post(events);
    },
    receive: (events) => {
      for (const event of events) {
        const message = tracked.get(event.messageId);
        if (!message) continue;
        if (event.name === 'sent' || event.name === 'rejected') tracked.delete(event.messageId);
        notify(message, event);
      }
    },
    on: (name, listener) => {
      const called = listeners.get(name) ?? new Set();
      listeners.set(name, called.add(listener));
      return () => {
        called.delete(listener);
      };
    },
    dropped: () => dropped,
  };
}
