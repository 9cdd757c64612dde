import type { Socket } from 'node:net';

/** rhea writes frame by frame: what it writes in one turn leaves in one packet, not in a system call for each frame. */
export function writeTogether(socket: Socket): void {
  const write = socket.write.bind(socket);
  socket.write = (data: Uint8Array | string): boolean => {
    if (socket.destroyed) return false;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    return write(data);
  };
}
