import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Stops a process without ending it (SIGSTOP; SIGCONT continues it). Resolves when each of its threads has stopped, on
 * Linux: until then, a thread that is running can still answer a request.
 */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  while (process.platform === 'linux' && !(await hasStopped(pid))) await delay(1);
}

async function hasStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '');
      // proc(5): the state follows the name, which is in parentheses and may contain any character.
      return stat.slice(stat.lastIndexOf(')') + 2)[0];
    }),
  );
  return states.every((state) => state === undefined || state === 'T');
}
