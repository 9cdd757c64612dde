/** The SDK's client of the identity registry, on an agent of our own. */
import type { Agent } from 'node:https';
import { SharedAccessSignature } from 'azure-iot-common';
import { RestApiClient } from 'azure-iot-http-base';
import { Registry } from 'azure-iothub';
import type { Settings } from '../../settings';
import type { EntraId } from './entraId';

const USER_AGENT = 'hubfront';

/** With the key of a shared access policy or, without one, with Microsoft Entra ID. */
export function createRegistry(
  { hubHostName: host, registryPolicy }: Pick<Settings, 'hubHostName' | 'registryPolicy'>,
  agent: Agent,
): Registry {
  const config = registryPolicy
    ? {
        host,
        sharedAccessSignature: SharedAccessSignature.create(
          host,
          registryPolicy.name,
          registryPolicy.key,
          Date.now(),
        ),
      }
    : { host, tokenCredential: lazyCredential(), tokenScope: 'https://iothubs.azure.net/.default' };
  // `azure-iothub` has its own copy of this class, which differs only in its type.
  const client = new AgentRestApiClient(config, agent) as unknown as ConstructorParameters<
    typeof Registry
  >[1];
  return new Registry(config as ConstructorParameters<typeof Registry>[0], client);
}

/**
 * `Registry` replaces its client's agent. This subclass keeps our agent, which connects to `hubEndpoint` and has a
 * timeout.
 */
class AgentRestApiClient extends RestApiClient {
  readonly #agent: Agent;

  constructor(config: RestApiClient.TransportConfig, agent: Agent) {
    super(config, USER_AGENT);
    this.#agent = agent;
    this.setOptions({});
  }

  override setOptions(options: object): void {
    super.setOptions({ ...options, http: { agent: this.#agent } });
  }
}

/** `@azure/identity` is a separate file beside the bundle. The first registration that needs it loads it. */
function lazyCredential() {
  let credential: ReturnType<EntraId['createCredential']> | undefined;
  return {
    getToken: (scopes: string | string[]) => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded lazily; the bundler keeps it apart
      credential ??= (require('./entraId.js') as EntraId).createCredential();
      return credential.getToken(scopes);
    },
  };
}
