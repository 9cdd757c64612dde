import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They wait for minutes, deadlines and pauses to pass: begun last, they would be waited for alone. */
const LONG = [
  'iothub/feed/lossless',
  'iothub/feed/deadlines',
  'iothub/feed/recovery',
  'iothub/eventHub/protocol',
  'analytics/state',
  'local/dashboard/day',
  'analytics/referenceState',
  'local/startConditions',
  'functions/visitorScale',
  'functions/faultStorm',
  'analytics/batches',
  'functions/hostileVisitors',
  'local/robustness',
  'emulator/persistence',
  'analytics/mutations',
  'analytics/hostileLines',
  'clients/shop',
  'local/dashboard/live',
  'clients/web/sending',
  'functions/hubAnswers',
  'clients/ruby',
  'clients/workersPage',
  'local/functionsHost',
  'emulator/pythonClients',
  'functions/freeze',
  'local/accessibility',
  'functions/batches',
  'products/snapshot',
  'clients/phoneShell',
  'infra/evaluated/evaluated',
  'functions/feedWait',
  'functions/visitors',
  'clients/web/device',
  'analytics/golden',
  'functions/registration',
  'local/hostRobustness',
  'analytics/windows',
  'analytics/engine',
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
