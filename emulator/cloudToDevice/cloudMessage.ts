/** The feedback that the sender requests (iot-hub-devguide-messages-c2d, "Message feedback"). */
export const ACKNOWLEDGEMENTS = ['none', 'positive', 'negative', 'full'] as const;
export type Acknowledgement = (typeof ACKNOWLEDGEMENTS)[number];

/** A cloud-to-device message. */
export interface CloudMessage {
  readonly body: Buffer;
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly userId?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly acknowledgement: Acknowledgement;
  /** Unix time in ms; undefined: the hub's time to live. */
  readonly expiry?: number | undefined;
  readonly properties: readonly (readonly [name: string, value: string])[];
}

/** A message in a device's queue. */
export interface QueuedMessage {
  readonly message: CloudMessage;
  readonly sequenceNumber: number;
  /** Unix times in ms. */
  readonly enqueuedTime: number;
  readonly expiry: number;
  readonly deliveryCount: number;
  /** Token of this delivery's lock. */
  readonly lockToken: string;
}

/** The outcome of a message (iot-hub-devguide-messages-c2d, `statusCode`). */
export type Outcome = 'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged';
