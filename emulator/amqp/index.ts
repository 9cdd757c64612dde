export { abortDelivery } from './abortDelivery';
export { sendsSettled } from './answerAttach';
export type { AmqpCondition } from './condition';
export { entityPath, sourcePath } from './entityPath';
export type { ClientLinks, LinkSource, LinkTarget } from './links';
export { lockedSource } from './lockedSource';
export {
  applicationProperties,
  bytesOf,
  dataSection,
  echoedId,
  idOf,
  textOf,
  textProperties,
} from './messageFields';
export { OutgoingLink } from './outgoingLink';
export { creditOf, outgoingOf, remoteAttach, returnCredit, sendEncoded, settleNow } from './rheaInternals';
export { serveLinks, type ServedLinks } from './serveLinks';
export { saslMechanisms, type SaslMechanisms } from './saslMechanisms';
export { createSourceLinks } from './sourceLinks';
export { AMQP_SUBPROTOCOLS } from './subprotocols';
