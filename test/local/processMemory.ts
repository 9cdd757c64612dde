/** The memory of other processes, which only Linux shows. */

import { readFileSync, writeFileSync } from 'node:fs';

function fieldMb(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
}

export const residentMb = (pid: number): number => fieldMb(pid, 'VmRSS');
/** The most that the process has ever used. */
export const peakMb = (pid: number): number => fieldMb(pid, 'VmHWM');

/** Forgets the peak of what the process has used before (proc(5)). @returns what it uses now */
export function resetPeakMb(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return peakMb(pid);
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** The process and all its descendants. */
export const tree = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(tree)];
