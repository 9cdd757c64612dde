// Microsoft's service client for Node, which knows no other port than Azure's: it is led to the emulator.
// Usage: node serviceClient.cjs CONNECTION_STRING amqps://…|wss://…
const { Client } = require('azure-iothub');
const { Amqp } = require('azure-iothub/dist/amqp');
const { Message } = require('azure-iot-common');

const [connectionString, uri] = process.argv.slice(2);

class AmqpToEmulator extends Amqp {
  _getConnectionUri() {
    return uri;
  }
}

const describe = (error) => `${error.name}: ${error.message} ${error.amqpError?.description ?? ''}`;

async function main() {
  const client = Client.fromConnectionString(connectionString, AmqpToEmulator);
  await client.open();
  console.log('open');
  await client.send('device', new Message('x')).then(
    () => console.log('sent'),
    (error) => console.log(describe(error)),
  );
  process.exit();
}

main().catch((error) => {
  console.log(describe(error));
  process.exit(1);
});
