import { benchFreeze } from './freeze';
import { tableLine } from './measure';
import { saveRun } from './results';
void (async () => {
  const r = await benchFreeze();
  console.table(r.map(tableLine));
  console.log(await saveRun({ freeze: r }));
})();
