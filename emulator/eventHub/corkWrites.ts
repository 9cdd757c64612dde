import type { Socket } from 'node:net';

/** rhea writes each frame by itself. This joins the writes of one turn of the event loop into one system call. */
export function corkWrites(socket: Socket): void {
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
