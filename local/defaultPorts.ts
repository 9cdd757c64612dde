/** The ports of the local stack if no flag sets others. The example settings contain those of the emulator. */
export const DEFAULT_PORTS = {
  functions: 7071,
  /** the emulator's registry and telemetry over HTTPS */
  hub: 8443,
  /** the emulator's Event Hub-compatible endpoint */
  amqp: 5672,
  /** the emulator's MQTT over TLS, as in Azure */
  mqtt: 8883,
  shop: 3000,
  dashboard: 3001,
  /** the product database, one above PostgreSQL's own port */
  database: 5433,
  /** Azurite's Blob storage */
  blob: 10_000,
} as const;
