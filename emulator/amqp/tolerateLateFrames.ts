/** Works around clients that send frames on a session that they have already ended. */

import type { Connection } from 'rhea';
import { internalsOf } from './rheaInternals';

const FRAMES = ['attach', 'flow', 'transfer', 'disposition', 'detach', 'end'] as const;

/**
 * Makes a connection ignore frames that arrive on a channel whose session has ended. Microsoft's library for .NET sends
 * `end` before the `detach` of a link that was refused; rhea closes the connection on such a frame. Frames that a
 * client sends before it has read our `end` are ignored (AMQP 1.0, 2.5.5). rhea would respond to them.
 */
export function tolerateLateFrames(connection: Connection): void {
  const internals = internalsOf(connection);
  const ended = new Set<number>();
  for (const name of FRAMES) {
    const handle = internals[`on_${name}`].bind(connection);
    internals[`on_${name}`] = (frame) => {
      if (ended.has(frame.channel)) return;
      if (name !== 'end' && internals.remote_channel_map[frame.channel]?.state.local_open === false) return;
      if (name === 'end') ended.add(frame.channel);
      handle(frame);
    };
  }
  const begin = internals.on_begin.bind(connection);
  internals.on_begin = (frame) => {
    ended.delete(frame.channel);
    begin(frame);
  };
}
