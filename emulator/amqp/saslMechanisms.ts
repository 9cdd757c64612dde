/** A SASL exchange as rhea runs it: `outcome` says whether the client is authenticated, once that is known. */
interface SaslExchange {
  outcome: boolean | undefined;
  username: string | undefined;
  start(initialResponse: Buffer | undefined): void;
}

export type SaslMechanisms = Readonly<Record<string, () => SaslExchange>>;

/** Whether a user name and password open the hub: for PLAIN, the name and key of a shared access policy. */
export type PasswordCheck = (username: string, password: string) => boolean;

/** Authenticates nobody: a token follows, through `$cbs`. */
const tokenFollows = (): SaslExchange => ({
  outcome: undefined,
  username: undefined,
  start() {
    this.outcome = true;
  },
});

/**
 * The mechanisms that Event Hubs offers, in its order. MSSBCBS is Microsoft's name for "the token follows"; with
 * EXTERNAL the client certificate is not looked at, and a token follows as well.
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
