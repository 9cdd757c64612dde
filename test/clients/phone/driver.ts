/** Reads commands as lines of tab-separated fields and answers each with a line; the other drivers do the same. */
import { createInterface } from 'node:readline';
import { HubError, createPhone, createSasToken, registerDevice } from '../../../clients/phone/hubfrontPhone';

async function run([command, ...fields]: string[]): Promise<string> {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = fields;
  switch (command) {
    case 'token':
      return createSasToken({ hostName: a, deviceId: b, deviceKey: c }, Number(d));
    case 'register':
      return (await registerDevice(a, b, { deviceId: c, deviceKey: d })).hostName;
    default:
      await createPhone({ hostName: a, deviceId: b, deviceKey: c }, d).send(JSON.parse(f), e, {
        level: 'low',
      });
      return 'sent';
  }
}

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = run(line.split('\t'));
    console.log(
      await answer.catch((error: unknown) => {
        if (!(error instanceof HubError)) return 'retry';
        return error.retryable ? 'retry' : `rejected ${error.status} ${error.code ?? ''}`.trim();
      }),
    );
  }
}

void main();
