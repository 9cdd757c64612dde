import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { CpuProfile } from './probedHost';

/**
 * https://www.npmjs.com/package/flamegraph: draws V8's profiles as SVG. npx fetches it, because it is not needed
 * otherwise.
 */
const FLAMEGRAPH = 'flamegraph@1.3.0';
/** Width in px. Narrower frames are omitted. */
const MIN_WIDTH = '3';

type ProfileNode = CpuProfile['nodes'][number];

/** A node in V8's format until 2016, which the tool reads. */
interface Head {
  functionName: string;
  url: string;
  lineNumber: number;
  hitCount: number;
  children: Head[];
}

export async function drawFlameGraph(profile: CpuProfile, file: string, title: string): Promise<void> {
  const input = JSON.stringify({ head: treeOf(profile), samples: [], startTime: 0, endTime: 0 });
  const flags = ['-t', 'cpuprofile', '--minwidth', MIN_WIDTH, '--titletext', title, '--internals'];
  const svg = execFileSync('npx', ['-y', FLAMEGRAPH, ...flags], { input, maxBuffer: 1e8 });
  await writeFile(file, svg);
}

/** The shares of time per package and other part. */
export function topCosts(profile: CpuProfile): { of: string; share: string }[] {
  const micros = new Map<string, number>();
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  let sum = 0;
  for (const [i, id] of profile.samples.entries()) {
    const node = byId.get(id);
    if (!node || node.callFrame.functionName === '(idle)') continue;
    const took = profile.timeDeltas[i] ?? 0;
    const of = placeOf(node);
    micros.set(of, (micros.get(of) ?? 0) + took);
    sum += took;
  }
  return [...micros]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12)
    .map(([of, took]) => ({ of, share: `${Math.round((100 * took) / sum)}%` }));
}

function treeOf({ nodes, samples }: CpuProfile): Head {
  const hits = new Map<number, number>();
  for (const id of samples) hits.set(id, (hits.get(id) ?? 0) + 1);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const read = (node: ProfileNode): Head => {
    const { functionName, url, lineNumber } = node.callFrame;
    return {
      functionName: functionName || '(anonymous)',
      url: url.replace(/^.*\/(?=[^/]+\/[^/]+$)/, ''),
      lineNumber,
      hitCount: hits.get(node.id) ?? 0,
      children: (node.children ?? [])
        .flatMap((id) => byId.get(id) ?? [])
        .filter((child) => child.callFrame.functionName !== '(idle)')
        .map(read),
    };
  };
  const [root] = nodes;
  if (!root) throw new Error('The profile is empty');
  return read(root);
}

/** `(garbage collector)`, a module of Node, or the function of the bundle. */
function placeOf({ callFrame: { functionName, url } }: ProfileNode): string {
  if (url === '') return functionName;
  return url.startsWith('node:')
    ? url.replace(/^(node:[^/]+(?:\/[^/]+)?).*/, '$1')
    : functionName || 'dist/app.js';
}
