import type { Settings } from '../../settings';
import { createAmqpGeneration } from './amqpGeneration';
import type { Generation, OwnedGeneration } from './generation';
import { createSdkGeneration } from './sdkGeneration';

/** Returns the current generation, or a new one after the last one has ended. */
export interface EventHubClient {
  current: () => Generation;
  close: () => void;
}

/** The client that the setting `FEED_CLIENT` chooses: our own, or Microsoft's SDK. */
export function createEventHubClient(settings: Settings): EventHubClient {
  const createGeneration = settings.feedClient === 'sdk' ? createSdkGeneration : createAmqpGeneration;
  let latest: OwnedGeneration | undefined;
  return {
    current: () => {
      if (!latest?.isUsable()) {
        latest?.end();
        latest = createGeneration(settings);
      }
      return latest;
    },
    close: () => latest?.end(),
  };
}
