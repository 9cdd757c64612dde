import { notImplemented, type IotHubError } from '../iotHubError';

/**
 * Operations of IoT Hub that the emulator does not support: the path, in which `*` is one segment, and the name of the
 * feature.
 */
const OPERATIONS: readonly (readonly [path: string, about: string])[] = [
  ['digitaltwins/*', 'digital twins'],
  ['digitaltwins/*/commands/*', 'commands of digital twins'],
  ['digitaltwins/*/components/*/commands/*', 'commands of digital twins'],
  [
    'devices/*/modules/*/messages/events',
    'messages of modules over HTTPS, for which no SDK of Microsoft has a function',
  ],
  ['messages/servicebound/filenotifications', 'notifications of file uploads over HTTPS'],
  ['messages/servicebound/filenotifications/*', 'notifications of file uploads over HTTPS'],
  ['devices/*/applyconfigurationcontent', 'configurations'],
  ['configurations', 'configurations'],
  ['configurations/*', 'configurations'],
  ['jobs/v2', 'scheduled jobs'],
  ['jobs/v2/*', 'scheduled jobs'],
  ['jobs/v2/*/cancel', 'scheduled jobs'],
];

const PATTERNS = OPERATIONS.map(([path, about]) => ({ segments: path.split('/'), about }));

/**
 * 501 for an operation of IoT Hub that the emulator does not support. Undefined for a path that IoT Hub does not have.
 */
export function notEmulated(segments: readonly string[]): IotHubError | undefined {
  const found = PATTERNS.find(
    (pattern) =>
      pattern.segments.length === segments.length &&
      pattern.segments.every((part, index) => part === '*' || part === segments[index]?.toLowerCase()),
  );
  return found && notImplemented(found.about);
}
