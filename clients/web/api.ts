/** The public types of the web client. */

/** The device that messages are sent as. */
export interface Device {
  deviceId: string;
  /** The device's symmetric key, base64. It is valid only for this device. */
  deviceKey: string;
}

/**
 * Registers this browser as a device. The function is called with an id and a key that the browser has generated and
 * stored. Registering the same pair again is safe, so a registration can be retried after a lost response.
 *
 * @returns the device that was registered
 * @throws any error: the client reports it as the cause of `retry`, and calls the function again later
 */
export type Register = (proposal: Device) => Promise<Device>;

export type HubfrontOptions = {
  /** The app's URL, `https://<app>/api`. */
  endpoint: string;
  /** Number of waiting messages at which the client sends without waiting for `batchTime`; default 20. */
  batchSize?: number | undefined;
  /** Milliseconds that a message waits for further messages; default 2,000. */
  batchTime?: number | undefined;
  /** Number of messages that are kept while sending is impossible. Older messages are dropped. Default 1,000. */
  maxQueued?: number | undefined;
  /** The visitor's choice. If absent, Do Not Track and Global Privacy Control switch the client off. */
  consent?: boolean | undefined;
} & (
  (Device & { register?: undefined }) | { register: Register; deviceId?: undefined; deviceKey?: undefined }
);

export interface TrackOptions {
  /** Application properties: consumers can read them and route by them without parsing the message. */
  properties?: Record<string, string> | undefined;
}

/** What happened to a message. */
export interface MessageReport {
  messageId: string;
  deviceMessage: unknown;
  /** For `rejected` and `retry`: a stable code, from the app's problem details or from the client (see docs). */
  code: string;
  /** HTTP status of the response; 0 if there was no response. */
  status: number;
  /** For `retry`: the reason as text, for example the error that `register` threw. */
  cause: string;
  /** For `retry`: milliseconds until the next attempt. */
  retryIn: number;
  /** For `sent`: the message was passed to the browser as a beacon while the page closed, so the result is unknown. */
  beacon: boolean;
}

/**
 * `sending`: a request with the message has started. `sent`: the hub has accepted it. `rejected`: it left the queue
 * without being accepted. `retry`: it stays in the queue and is sent again.
 */
export type EventName = 'sending' | 'sent' | 'rejected' | 'retry';

export interface Hubfront {
  /**
   * Queues a message with the current time, and returns its id immediately. Returns undefined without consent and
   * outside a page. Does not throw.
   *
   * @param deviceMessage any JSON value; later changes to it have no effect
   */
  track: (deviceMessage: unknown, options?: TrackOptions) => string | undefined;
  /** Sends the queued messages now. Resolves when they have been sent or an attempt has failed; never rejects. */
  flush: () => Promise<void>;
  /** Calls `listener` for each message; the returned function unsubscribes. */
  on: (name: EventName, listener: (report: MessageReport) => void) => () => void;
  /**
   * Records the visitor's choice in all tabs. `false` also drops the queue, and deletes a device that `register`
   * returned.
   */
  setConsent: (consent: boolean) => void;
  /**
   * Whether `track` queues messages now. The visitor's choice decides, or without one the browser's privacy signals.
   */
  readonly consent: boolean;
  /** The id of this browser's device, once it is registered. */
  readonly deviceId?: string | undefined;
  /** Number of messages of this page that were dropped because the queue was full. */
  readonly dropped: number;
}
