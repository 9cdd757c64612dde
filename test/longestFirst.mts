import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They wait for minutes, deadlines and pauses to pass: begun last, they would be waited for alone. */
const LONG = [
  'local/dashboard/live',
  'iothub/feed/recovery',
  'iothub/feed/lossless',
  'clients/web/sending',
  'clients/shop',
  'iothub/feed/deadlines',
  'local/start',
  'emulator/pythonClients',
  'functions/feedWait',
  'iothub/eventHub/protocol',
  'functions/freeze',
  'clients/workersPage',
  'clients/phone',
  'infra/evaluated/evaluated',
];

/** Begins with the files that take longest, which a fresh clone has not measured. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return place < 0 ? LONG.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
