/** A message of IoT Hub as a query sees it. */
export interface HubEvent {
  /** the payload as it came */
  body: string;
  /** when the hub enqueued it, µs since 1970; undefined where a file does not say: the time policies then rest */
  enqueuedUs: number | undefined;
  partitionId?: number | undefined;
  deviceId?: string | undefined;
  messageId?: string | undefined;
  correlationId?: string | undefined;
  generationId?: string | undefined;
  /** application properties as a JSON object */
  properties?: string | undefined;
}

/** What a job does with events that are late or out of order: its settings in Azure, by the same names. */
export interface TimePolicy {
  eventsLateArrivalMaxDelayInSeconds: number;
  eventsOutOfOrderMaxDelayInSeconds: number;
  /** `Adjust` gives a late event the latest time it may have; `Drop` leaves it out */
  eventsOutOfOrderPolicy: 'Adjust' | 'Drop';
}

/** Stream Analytics' own defaults. */
export const DEFAULT_TIME_POLICY: TimePolicy = {
  eventsLateArrivalMaxDelayInSeconds: 5,
  eventsOutOfOrderMaxDelayInSeconds: 0,
  eventsOutOfOrderPolicy: 'Adjust',
};
