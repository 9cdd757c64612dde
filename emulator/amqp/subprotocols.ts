/** Microsoft's name of the WebSocket subprotocol, and that of the OASIS binding (AMQP WebSocket Binding 1.0, 2.1). */
export const AMQP_SUBPROTOCOLS = ['AMQPWSB10', 'amqp'];
