export { abortDelivery } from './abortDelivery';
export { startAmqpListener, type AmqpListener } from './amqpListener';
export { acceptConnection, type AcceptedConnection } from './acceptConnection';
export { answerAttach, sendsSettled } from './answerAttach';
export type { AmqpCondition } from './condition';
export { conformSession } from './conformSession';
export { corkWrites } from './corkWrites';
export { ReplyLink } from './replyLink';
export {
  acceptNow,
  creditOf,
  outgoingOf,
  remoteAttach,
  returnCredit,
  sendEncoded,
  stopHeartbeats,
} from './rheaInternals';
export { saslMechanisms, type SaslMechanisms } from './saslMechanisms';
export type { Transport } from './transport';
export { createWebSocketUpgrade, hasAmqpSubprotocol, type WebSocketUpgrade } from './webSocketUpgrade';
