import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They wait for minutes, deadlines and pauses to pass: begun last, they would be waited for alone. */
const LONG = [
  'iothub/eventHub/protocol',
  'iothub/feed/recovery',
  'iothub/feed/deadlines',
  'iothub/feed/lossless',
  'iothub/feed/truth',
  'clients/shop',
  'functions/faultStorm',
  'emulator/pythonClients',
  'functions/feedWait',
  'clients/workersPage',
  'clients/web/sending',
  'functions/hubAnswers',
  'local/robustness',
  'local/start',
  'products/snapshot',
  'clients/ruby',
  'clients/phone',
  'local/dashboard/day',
  'clients/shopTabs',
  'analytics/golden',
  'functions/batches',
  'analytics/fuzz',
  'clients/web/tabs',
  'functions/freeze',
  'local/dashboard/live',
  'clients/phoneShell',
  'local/devices',
  'infra/evaluated/evaluated',
];

/**
 * Begins with the files that take longest, which a fresh clone has not measured. The project whose files each run in a
 * process of its own comes first: between files of the other one, a worker would end, and load all modules again.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const place = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return (project.config.isolate ? 0 : LONG.length + 1) + (place < 0 ? LONG.length : place);
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
