/** An AMQP error: its symbolic condition and a description for people (AMQP 1.0, 2.8.14). */
export interface AmqpCondition {
  readonly condition: string;
  readonly description: string;
  /** For `amqp:link:redirect`: where to attach instead. */
  readonly info?: Readonly<Record<string, unknown>>;
}
