export { abortDelivery } from './abortDelivery';
export { acceptConnection, type AcceptedConnection } from './acceptConnection';
export { answerAttach, sendsSettled } from './answerAttach';
export type { AmqpCondition } from './condition';
export { conformSession } from './conformSession';
export { DELIVERY_OUTCOMES, type DeliveryOutcome, type LinkSource, type LinkTarget } from './links';
export { lockedSource } from './lockedSource';
export { bytesOf, dataSection, idOf, textOf, textProperties } from './messageFields';
export { OutgoingLink } from './outgoingLink';
export {
  creditOf,
  outgoingOf,
  remoteAttach,
  returnCredit,
  sendEncoded,
  settleNow,
  settleSecond,
  stopHeartbeats,
} from './rheaInternals';
export { saslMechanisms, type SaslMechanisms } from './saslMechanisms';
export { createSourceLinks } from './sourceLinks';
export { AMQP_SUBPROTOCOLS } from './subprotocols';
