/** Fills a new hub with the devices and messages of a seed. */

import { randomBytes } from 'node:crypto';
import type { CloudMessage } from '../cloudToDevice';
import type { Journal } from '../dataFolder';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { partitionOf } from '../partitionLog';
import { clientIdOf, deviceInput, moduleInput, type DeviceInput } from '../registry';
import { MAX_MESSAGE_BYTES, messageSize, tooLarge } from '../telemetry';
import { seedError, type SeedIssue } from './readSeed';
import type { Seed, SeedDevice, SeedModule } from './seedSchema';

/** The journal's record of the seed: `begun` until everything is stored. */
const KIND = 'seed';
const KEY = `${KIND}/state`;
const GENERATED_KEY_BYTES = 32;

/**
 * Fills an empty hub. A hub that has or had devices or messages is not changed. In a data folder, a seed is applied once
 * in the life of the hub. If the process ends in between, the next start empties the hub, also if it has no seed, and
 * begins again.
 *
 * @throws SeedError for a value that the hub rejects, named by its path. The hub is then empty; IotHubError
 * ServiceUnavailable if the disk fails
 */
export function applySeed(hub: Hub, journal: Journal, seed: Seed | undefined): void {
  const state = journal.read(KIND).get('state');
  if (state === 'begun') {
    hub.empty();
    // Not `forget`: if this failed without an error, a later start would delete what the hub then has.
    journal.write([KEY]);
  }
  if (!seed) return;
  if (state === 'applied') {
    hub.log.info('the seed was applied at an earlier start');
    return;
  }
  const isEmpty =
    hub.registry.count().total === 0 && hub.partitions.every((log) => log.lastSequenceNumber < 0);
  if (!isEmpty) {
    hub.log.info('the seed is not applied, because the hub is not empty');
    return;
  }
  journal.write([KEY, 'begun']);
  try {
    const issues = seed.devices.flatMap((device, index) => addDevice(hub, device, `devices[${index}]`));
    for (const [index, message] of seed.telemetry.entries()) {
      if (!hub.registry.find(message.deviceId)) continue; // its device is among the errors
      issues.push(...issuesOf(`telemetry[${index}]`, () => addTelemetry(hub, message)));
    }
    if (issues.length > 0) throw seedError(seed.name, issues);
  } catch (error) {
    hub.empty();
    journal.forget(KEY);
    throw error;
  }
  journal.write([KEY, 'applied']);
  const { devices, telemetry } = seed;
  hub.log.info(`the seed was applied: ${devices.length} devices, ${telemetry.length} telemetry messages`);
}

function addDevice(hub: Hub, device: SeedDevice, path: string): SeedIssue[] {
  const { deviceId, tags, desired, modules, messages } = device;
  const issues = issuesOf(path, () => {
    hub.registry.create(deviceId, identityOf(device));
    if (tags || desired) hub.twins.replace(deviceId, { tags, desired }, '*');
  });
  if (issues.length > 0) return issues;
  return [
    ...modules.flatMap((module, index) => addModule(hub, deviceId, module, `${path}.modules[${index}]`)),
    ...messages.flatMap((message, index) =>
      issuesOf(`${path}.messages[${index}]`, () => hub.messages.send(deviceId, cloudMessage(message))),
    ),
  ];
}

const addModule = (hub: Hub, deviceId: string, module: SeedModule, path: string): SeedIssue[] =>
  issuesOf(path, () => {
    const { moduleId, managedBy, authentication, tags, desired } = module;
    const input = moduleInput.parse({ managedBy, authentication: withKeys(authentication) });
    hub.modules.create(deviceId, moduleId, input);
    if (tags || desired) hub.twins.replace(clientIdOf({ deviceId, moduleId }), { tags, desired }, '*');
  });

const identityOf = ({ authentication, status, statusReason, capabilities }: SeedDevice): DeviceInput =>
  deviceInput.parse({ status, statusReason, capabilities, authentication: withKeys(authentication) });

/** Generates the secondary key if only the primary one is given. */
function withKeys(authentication: SeedDevice['authentication']): object {
  const { primaryKey, secondaryKey } = authentication?.symmetricKey ?? {};
  const keys = primaryKey === undefined ? null : { primaryKey, secondaryKey: secondaryKey ?? newKey() };
  return { ...authentication, symmetricKey: keys };
}

function addTelemetry(hub: Hub, { deviceId, body, properties, ...system }: Seed['telemetry'][number]): void {
  const { generationId } = hub.registry.get(deviceId);
  const origin = { deviceId, generationId, authScope: 'device', authType: 'sas' } as const;
  const message = { ...contentOf(body, system), properties: Object.entries(properties), origin };
  if (messageSize(message) > MAX_MESSAGE_BYTES) throw tooLarge(MAX_MESSAGE_BYTES);
  hub.partitions[partitionOf(deviceId, hub.partitions.length)]?.append([message], Date.now());
}

function cloudMessage(message: SeedDevice['messages'][number]): CloudMessage {
  const { body, properties, ack, expiresInSeconds, ...rest } = message;
  const { body: bytes, system } = contentOf(body, rest);
  return {
    ...system,
    body: bytes,
    acknowledgement: ack,
    expiry: expiresInSeconds === undefined ? undefined : Date.now() + expiresInSeconds * 1_000,
    properties: Object.entries(properties),
  };
}

interface SystemProperties {
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/** A text as it is, any other value as JSON. */
function contentOf(body: unknown, given: SystemProperties) {
  const defaults =
    typeof body === 'string' ? {} : { contentType: 'application/json', contentEncoding: 'utf-8' };
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    system: { ...defaults, ...(named as Record<keyof SystemProperties, string>) },
  };
}

/** Runs a step. An error of the hub becomes one of the seed, unless the hub cannot store anything. */
function issuesOf(path: string, step: () => void): SeedIssue[] {
  try {
    step();
    return [];
  } catch (error) {
    if (!(error instanceof IotHubError) || error.code === 'ServiceUnavailable') throw error;
    return [{ path, reason: error.text }];
  }
}

const newKey = () => randomBytes(GENERATED_KEY_BYTES).toString('base64');
