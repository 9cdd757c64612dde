/** A message of IoT Hub as a query sees it. */
export interface HubEvent {
  /** the payload as it arrived */
  body: string;
  /** when the hub enqueued it, µs since 1970; undefined if a file does not contain it: then no time policy applies */
  enqueuedUs: number | undefined;
  partitionId?: number | undefined;
  /** in its partition; without it, events are numbered as they are processed */
  sequenceNumber?: number | undefined;
  deviceId?: string | undefined;
  messageId?: string | undefined;
  correlationId?: string | undefined;
  generationId?: string | undefined;
  /** application properties as a JSON object */
  properties?: string | undefined;
}

/** The characters of the texts of an event, which take most of its memory. */
export const charactersOf = (event: HubEvent): number => {
  const {
    body,
    properties = '',
    deviceId = '',
    messageId = '',
    correlationId = '',
    generationId = '',
  } = event;
  return (
    body.length +
    properties.length +
    deviceId.length +
    messageId.length +
    correlationId.length +
    generationId.length
  );
};
