/** The messages to and from the process of the clients. */

export type ClientRequest = { group: string } & (
  | {
      kind: 'connect';
      count: number;
      port: number;
      /** certificate authority of the server, PEM */
      ca: string;
      /** of the hub */
      host: string;
      password: string;
      fillerCharacters: number;
    }
  | { kind: 'send'; messages: number }
  | { kind: 'close' }
);

export interface ClientReply {
  perSecond?: number;
  error?: string;
}
