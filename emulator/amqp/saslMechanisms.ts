/**
 * A SASL exchange as rhea runs it. `outcome` says whether the client is authenticated; it is undefined until then.
 */
interface SaslExchange {
  outcome: boolean | undefined;
  username: string | undefined;
  start(initialResponse: Buffer | undefined): void;
}

export type SaslMechanisms = Readonly<Record<string, () => SaslExchange>>;

/** Checks the user name and password of SASL PLAIN: the name and key of a shared access policy. */
export type PasswordCheck = (username: string, password: string) => boolean;

/** Accepts every client. The client authenticates later, with a token sent to `$cbs`. */
const tokenFollows = (): SaslExchange => ({
  outcome: undefined,
  username: undefined,
  start() {
    this.outcome = true;
  },
});

/**
 * The mechanisms that Event Hubs offers, in its order. MSSBCBS is Microsoft's name for authentication by a later
 * token. EXTERNAL ignores the client certificate and expects a later token as well.
 */
export function saslMechanisms(isPassword: PasswordCheck): SaslMechanisms {
  return {
    MSSBCBS: tokenFollows,
    PLAIN: () => ({
      outcome: undefined,
      username: undefined,
      start(initialResponse) {
        // RFC 4616: authorization identity, user name and password, separated by NUL.
        const [, username = '', password = ''] = (initialResponse?.toString('utf8') ?? '').split('\0');
        this.outcome = isPassword(username, password);
        if (this.outcome) this.username = username;
      },
    }),
    ANONYMOUS: tokenFollows,
    EXTERNAL: tokenFollows,
  };
}
