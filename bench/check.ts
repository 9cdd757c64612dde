import { benchLoad } from './load';

/** Ratios that may not get worse: far enough from what is measured that only a change of the code passes them. */
const BOUNDS = [{ against: 'the same packages unbundled', mostTimes: 0.65 }] as const;

/**
 * `npm run bench -- --check`: a cold start that has become dearer. It measures the load alone, on the Node that runs it;
 * a ratio that the machine's noise makes meaningless is no verdict.
 */
export async function checkBounds(): Promise<boolean> {
  const results = await benchLoad([Number(process.versions.node.split('.')[0])]);
  console.table(results);
  let kept = true;
  for (const { against, mostTimes } of BOUNDS) {
    const line = results.find((result) => result.against === against);
    const ratio = Number.parseFloat(line?.ratio ?? '');
    if (Number.isNaN(ratio)) console.log(`${line?.what ?? against}: no verdict, the machine is too busy`);
    else if (ratio > mostTimes) {
      kept = false;
      console.error(`${line?.what ?? ''}: ${ratio}× of ${against}, and ${mostTimes}× is the bound`);
    }
  }
  return kept;
}
