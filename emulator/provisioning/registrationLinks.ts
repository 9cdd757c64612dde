/**
 * A device that registers over AMQP. The links and properties are those of Microsoft's SDKs (azure-iot-sdk-node and
 * azure-iot-sdk-csharp, provisioning/transport/amqp).
 */

import { message as amqp, types, type Message, type Receiver } from 'rhea';
import {
  applicationProperties,
  bytesOf,
  createSourceLinks,
  dataSection,
  echoedId,
  settleNow,
  textOf,
  type AmqpCondition,
  type ClientLinks,
  type LinkTarget,
} from '../amqp';
import type { OpenedConnection } from '../eventHub';
import type { Log } from '../log';
import { withoutToken, type AttestationInput } from './attestation';
import type { DeviceOperations } from './deviceOperations';
import { RETRY_AFTER_SECONDS } from './limits';
import { amqpRejection, ProvisioningError, responseError } from './provisioningError';

/** The user name, and the path of the links: `<id scope>/registrations/<registration id>`. */
const RESOURCE = /^([^/]+)\/registrations\/(.*)$/s;

interface Opening extends OpenedConnection {
  readonly device: DeviceOperations;
  /** Whether the client may reach the service under the host names that it used. */
  readonly isHere: boolean;
  readonly log: Log;
}

type Delivery = Parameters<LinkTarget['receive']>[1];

/**
 * Returns what attaches the links of the device, or the error that closes the connection. As in Azure, the token is
 * checked when the connection opens (azure-iot-sdk-c#815). Each request checks it again.
 */
export function openRegistrationLinks(opening: Opening): ClientLinks | AmqpCondition {
  const { device, transport, login, isHere, log } = opening;
  const [resource = '', idScope = '', registrationId = ''] = RESOURCE.exec(login?.username ?? '') ?? [];
  const hasCertificate = transport.clientCertificate() !== undefined;
  const input = { idScope, registrationId, token: login?.password, hasCertificate };
  const error = isHere ? authenticationError(device, input, log) : NOT_HERE;
  const outcome = error ? `rejected with ${error.condition}` : 'accepted';
  log.debug(() => `${transport.peer} opened a connection for provisioning: ${outcome}`);
  return error ?? createLinks(opening, input, resource);
}

const NOT_HERE: AmqpCondition = {
  condition: 'amqp:not-found',
  description: 'The Device Provisioning Service does not have this host name.',
};

function authenticationError(
  device: DeviceOperations,
  input: AttestationInput,
  log: Log,
): AmqpCondition | undefined {
  try {
    // Without a user name, the id scope is unknown as well.
    if (input.token === undefined) throw withoutToken(input.hasCertificate);
    device.authenticate(input);
    return undefined;
  } catch (error) {
    return amqpRejection(responseError(error, log)).error;
  }
}

function createLinks({ device, transport, log }: Opening, input: AttestationInput, own: string): ClientLinks {
  const sources = createSourceLinks();
  const isOwn = (path: string) => path.toLowerCase() === own.toLowerCase();
  const notOwn: AmqpCondition = {
    condition: 'amqp:unauthorized-access',
    description: 'A device attaches links to its own registration only.',
  };

  const receive = (link: Receiver, message: Message | Buffer, delivery: Delivery): void => {
    const operation = Buffer.isBuffer(message)
      ? undefined
      : textOf(applicationProperties(message)['iotdps-operation-type']);
    let status = operation === REGISTER ? 202 : 200;
    try {
      if (Buffer.isBuffer(message)) throw new ProvisioningError('BadRequest', 'The message is malformed.');
      // Encoded before the request is settled: an error then rejects the request.
      const response = amqp.encode(carryOut(device, input, operation, message));
      settleNow(link.session, delivery);
      sources.all().at(-1)?.send(response);
    } catch (error) {
      const rejection = amqpRejection(responseError(error, log));
      status = rejection.status;
      settleNow(link.session, delivery, rejection.error);
    }
    log.debug(
      () => `${transport.peer} registration '${input.registrationId}': ${nameOf(operation)}, ${status}`,
    );
  };

  let attached = 0;
  const refusal = (path: string) => (!isOwn(path) ? notOwn : attached >= MAX_LINKS ? TOO_MANY : undefined);
  const close = () => {
    attached--;
  };
  return {
    attachSource(link, path) {
      const error = refusal(path);
      if (error) return error;
      attached++;
      return sources.attach(link, close);
    },
    attachTarget(link, path) {
      const error = refusal(path);
      if (error) return error;
      attached++;
      return { receive: (message, delivery) => receive(link, message, delivery), close };
    },
  };
}

/** Links of a connection. The SDKs attach two. */
const MAX_LINKS = 10;

const TOO_MANY: AmqpCondition = {
  condition: 'amqp:resource-limit-exceeded',
  description: `A device attaches at most ${MAX_LINKS} links.`,
};

const REGISTER = 'iotdps-register';
const GET_STATUS = 'iotdps-get-operationstatus';

/** The name of an operation in the log. */
const nameOf = (operation: string | undefined): string =>
  operation === REGISTER ? 'register' : operation === GET_STATUS ? 'status' : 'unknown operation';

/** @throws ProvisioningError, IotHubError */
function carryOut(
  device: DeviceOperations,
  input: AttestationInput,
  operation: string | undefined,
  message: Message,
): Message {
  switch (operation) {
    case REGISTER:
      return responseTo(message, device.register(input, bytesOf(message)), RETRY_AFTER_SECONDS);
    case GET_STATUS: {
      const operationId = textOf(applicationProperties(message)['iotdps-operation-id']) ?? '';
      return responseTo(message, device.operationStatus(input, operationId));
    }
    default:
      throw new ProvisioningError('BadRequest', 'The iotdps-operation-type is missing or unknown.');
  }
}

/** @param retryAfter in seconds. The SDKs for Node and C read `retry-after`, that for .NET `Retry-After`. */
function responseTo(request: Message, body: object, retryAfter?: number): Message {
  const seconds = retryAfter === undefined ? undefined : types.wrap_int(retryAfter);
  return {
    correlation_id: echoedId(request.correlation_id),
    ...(seconds && { application_properties: { 'retry-after': seconds, 'Retry-After': seconds } }),
    body: dataSection(Buffer.from(JSON.stringify(body))),
  } as unknown as Message;
}
