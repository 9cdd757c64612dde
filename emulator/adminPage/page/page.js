// The admin page of the emulator. It polls the admin API. Everything that devices send is set as text, never as HTML.
/* global AbortSignal, document, Node, setTimeout */

const INTERVAL_MS = 1_000;
/** Timeout of a request, for an emulator that has a fault. */
const TIMEOUT_MS = 10_000;

const $ = (id) => document.getElementById(id);

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  const json = await response.json();
  if (!response.ok) throw new Error(json.error ?? `HTTP ${response.status}`);
  return json;
}

function element(name, text, attributes = {}) {
  const created = document.createElement(name);
  if (text !== undefined) created.textContent = text;
  Object.assign(created, attributes);
  return created;
}

/** Renders rows only if their data has changed. A focused button keeps its focus. */
const shown = new Map();
function show(id, data, render) {
  const key = JSON.stringify(data);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  const focused = document.activeElement?.id;
  $(id).replaceChildren(...render(data));
  if (focused && document.activeElement?.id !== focused) $(focused)?.focus();
}

function row(...cells) {
  const created = element('tr');
  for (const cell of cells) {
    const td = element('td');
    td.append(cell instanceof Node ? cell : String(cell));
    created.append(td);
  }
  return created;
}

const button = (id, text, label, onclick) => {
  const created = element('button', text, { type: 'button', id, onclick });
  created.ariaLabel = label;
  return created;
};

const timeOf = (iso) => (iso.startsWith('0001') ? 'never' : new Date(iso).toLocaleTimeString());

function showState({ hostName, createdAt, connections, partitions }) {
  $('hub').textContent = `${hostName}, created ${new Date(createdAt).toLocaleString()}`;
  const rows = [
    ['HTTPS', connections.https],
    ['AMQP', `${connections.amqp} with ${connections.amqpSessions} sessions`],
    ['MQTT', connections.mqtt],
  ];
  show('connections', rows, (all) =>
    all.flatMap(([name, count]) => [element('dt', name), element('dd', String(count))]),
  );
  show('partitions', partitions, (all) =>
    all.map((one) => row(one.partitionId, one.count, one.lastSequenceNumber, one.readers)),
  );
}

function showDevices({ devices, total }) {
  $('devices-count').textContent =
    total === devices.length ? `${total} devices` : `${devices.length} of ${total} devices`;
  show('devices', devices, (all) =>
    all.flatMap((device) => [
      clientRow(device.deviceId, device.status, device, device.cloudToDeviceMessageCount),
      ...device.modules.map((module) =>
        clientRow(`${device.deviceId}/${module.moduleId}`, 'module', module, ''),
      ),
    ]),
  );
}

/** A device, or a module: `<device>/<module>`. */
const clientRow = (clientId, status, { connectionState, lastActivityTime }, waiting) =>
  row(
    clientId,
    status,
    connectionState,
    timeOf(lastActivityTime),
    waiting,
    button(`twin of ${clientId}`, 'Show', `Show the twin of ${clientId}`, () => openTwin(clientId)),
  );

const showMessages = (messages) =>
  show('messages', messages, (all) =>
    all.map((message) =>
      row(
        new Date(message.enqueuedTimeUtc).toLocaleTimeString(),
        message.deviceId,
        message.partitionId,
        message.sequenceNumber,
        Object.entries(message.properties)
          .map(([name, value]) => `${name}=${value}`)
          .join(', '),
        message.body,
      ),
    ),
  );

const showFaults = (faults) =>
  show('faults', faults, (all) =>
    all.map(({ id, fault, remaining }) => {
      const { kind, ...fields } = fault;
      return row(
        kind,
        JSON.stringify(fields),
        remaining ?? 'until cleared',
        button(`clear ${id}`, 'Clear', `Clear the fault ${kind} ${id}`, () =>
          act(() => call('DELETE', `faults/${id}`)),
        ),
      );
    }),
  );

let openedTwin;
async function openTwin(clientId) {
  openedTwin = clientId;
  await update();
  $('twin-title').focus();
}

async function showTwin() {
  $('twin').hidden = openedTwin === undefined;
  if (openedTwin === undefined) return;
  const twin = await call('GET', `devices/${encodeURIComponent(openedTwin)}/twin`).catch(
    (error) => error.message,
  );
  $('twin-title').textContent = `Twin of ${openedTwin}`;
  const text = typeof twin === 'string' ? twin : JSON.stringify(twin, null, 2);
  if ($('twin-json').textContent !== text) $('twin-json').textContent = text;
}

async function update() {
  try {
    const [state, devices, messages] = await Promise.all([
      call('GET', 'state'),
      call('GET', 'devices'),
      call('GET', 'messages/latest'),
    ]);
    showState(state);
    showDevices(devices);
    showMessages(messages);
    showFaults(state.faults);
    await showTwin();
    setProblem('');
  } catch (error) {
    setProblem(`The emulator does not respond: ${error.message}`);
  }
}

/** A repeated text would be announced again. */
function setProblem(text) {
  if ($('problem').textContent !== text) $('problem').textContent = text;
}

async function act(operation) {
  try {
    const result = await operation();
    $('outcome').textContent =
      'affected' in result
        ? `The fault affected ${result.affected} connections or links.`
        : 'cleared' in result
          ? `${result.cleared} faults cleared.`
          : `Fault ${result.id} is armed.`;
  } catch (error) {
    $('outcome').textContent = error.message;
  }
  await update();
}

/** Inputs for the fields of a kind, from the JSON schema of the faults. */
function inputs(properties, prefix = '') {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (name === 'kind' || (schema.const !== undefined && prefix === '')) return [];
    if (schema.type === 'object') return inputs(schema.properties, `${name}.`);
    const label = element('label', `${prefix}${name} `);
    const control = schema.enum ? element('select') : element('input');
    control.name = `${prefix}${name}`;
    control.dataset.type = schema.type;
    if (schema.enum)
      for (const value of ['', ...schema.enum]) control.append(element('option', value, { value }));
    else control.type = schema.type === 'integer' ? 'number' : 'text';
    if (schema.default !== undefined) control.value = schema.default;
    label.append(control);
    return [label];
  });
}

function faultOf(form) {
  const fault = {};
  for (const { name, value, dataset } of form.elements) {
    if (!name || value === '') continue;
    const [outer, inner] = name.split('.');
    const typed = dataset.type === 'integer' ? Number(value) : value;
    if (inner === undefined) fault[outer] = typed;
    else fault[outer] = { ...fault[outer], [inner]: typed };
  }
  return fault;
}

async function prepareForm() {
  const kinds = await call('GET', 'faults/schema');
  $('kind').append(...Object.keys(kinds).map((kind) => element('option', kind, { value: kind })));
  const changed = () => $('fields').replaceChildren(...inputs(kinds[$('kind').value].properties));
  $('kind').addEventListener('change', changed);
  changed();
}

$('arm').addEventListener('submit', (event) => {
  event.preventDefault();
  void act(() => call('POST', 'faults', faultOf(event.target)));
});
$('clear-all').addEventListener('click', () => act(() => call('DELETE', 'faults')));
$('twin-close').addEventListener('click', () => {
  const button = $(`twin of ${openedTwin}`);
  openedTwin = undefined;
  $('twin').hidden = true;
  button?.focus();
});

await prepareForm().catch((error) => setProblem(error.message));
for (;;) {
  if ($('live').checked && !document.hidden) await update();
  await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
}
