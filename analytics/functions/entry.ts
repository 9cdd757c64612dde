/** The JavaScript that stands between a function of a job and the runner, inside the interpreter. */

/**
 * Conversions as in "Stream Analytics and JavaScript type conversion" (JavaScript user-defined functions).
 *
 * Evaluated before the script, so that it knows what the script defines. Its value is a function of the alias and
 * whether it is an aggregate. This returns the function that is called for each event or group.
 *
 * What it refuses, it throws as `{ name: 'Refused', message }`.
 */
export const ENTRY = String.raw`(() => {
  const before = new Map(Object.getOwnPropertyNames(globalThis).map((name) => [name, globalThis[name]]));
  const { parse, stringify } = JSON;
  const refuse = (message) => {
    throw { name: 'Refused', message };
  };
  const typeOf = (value) => Object.prototype.toString.call(value).slice('[object '.length, -1);

  const checkCallable = (value, what) => {
    if (typeof value !== 'function') refuse('its script has no ' + what);
    if (typeOf(value) !== 'Function') refuse(what + ' is async or a generator, so it returns no value');
  };
  const find = (alias) => {
    const isDefined = (name) => typeof globalThis[name] === 'function' && globalThis[name] !== before.get(name);
    const defined = Object.getOwnPropertyNames(globalThis).filter(isDefined);
    const name =
      defined.find((one) => one === alias) ??
      defined.find((one) => one.toLowerCase() === alias.toLowerCase()) ??
      defined.find((one) => one === 'main') ??
      defined.at(-1);
    if (name === undefined) refuse('its script defines no function ' + (alias === 'main' ? '' : alias + ' or ') + 'main');
    checkCallable(globalThis[name], 'its function ' + name);
    return [globalThis[name], name];
  };
  const checkMethods = (entry, name) => {
    // Arrow functions and methods have no prototype.
    if (entry.prototype === undefined) refuse('its function ' + name + ' is not one that new can call: write function ' + name + '()');
    const state = new entry();
    for (const method of ['init', 'accumulate', 'computeResult']) checkCallable(state[method], 'method ' + method);
  };

  const dateOf = (text) => (text === null ? null : new Date(text.slice(0, 23) + 'Z'));
  // The text of a datetime, where Stream Analytics has such a datetime.
  const dateText = (date) => {
    const year = date.getUTCFullYear();
    return year >= 1 && year <= 9999 ? date.toISOString().replace('Z', '0000Z') : null;
  };
  // "Bigint (if the number is round and between long.MinValue and long.MaxValue; otherwise, it's double)"
  const numberText = (number) => {
    if (!Number.isFinite(number)) return 'null';
    if (!Number.isInteger(number) || Number.isSafeInteger(number)) return String(number);
    return number >= -(2 ** 63) && number < 2 ** 63 ? String(BigInt(number)) : number.toExponential();
  };
  // JSON of .NET cannot contain half a surrogate pair either.
  const text = (value) => stringify(value.toWellFormed());
  const json = (value, place, parents) => {
    if (value === null || value === undefined) return 'null';
    // Most values are of these types, whose names are slow to make.
    if (typeof value === 'number') return numberText(value);
    if (typeof value === 'string') return text(value);
    const type = typeOf(value);
    if (type === 'Number') return numberText(Number(value));
    if (type === 'String') return text(String(value));
    if (type === 'Boolean') return String(value);
    if (type === 'Date') return stringify(dateText(value));
    if (type !== 'Object' && type !== 'Array')
      refuse(place + ' is of the JavaScript type ' + type + ', which Stream Analytics does not have');
    if (parents.includes(value)) refuse(place + ' contains itself');
    // Loops, because callbacks would take more of the stack and of the time.
    const parts = [];
    parents.push(value);
    if (type === 'Array')
      for (let i = 0; i < value.length; i += 1) parts.push(json(value[i], place + '[' + i + ']', parents));
    else
      for (const name of Object.keys(value)) {
        const key = text(name);
        parts.push(key + ':' + json(value[name], place + '[' + key + ']', parents));
      }
    parents.pop();
    return type === 'Array' ? '[' + parts.join() + ']' : '{' + parts.join() + '}';
  };
  const result = (value) => {
    const converted = json(value, 'its result', []);
    if (converted === 'null') return null;
    // The form of a datetime: see the macro asa_is_datetime.
    return typeOf(value) === 'Date' ? converted.replace('Z"', '\\u005a"') : converted;
  };

  const scalar = (entry) => (args, kinds) =>
    result(entry(...parse(args).map((value, i) => (kinds[i] === 'd' ? dateOf(value) : value))));
  const aggregate = (entry) => (rows) => {
    const state = new entry();
    state.init();
    for (const [value, time, isDate] of parse(rows)) state.accumulate(isDate ? dateOf(value) : value, dateOf(time));
    return result(state.computeResult());
  };
  return (alias, isAggregate) => {
    const [entry, name] = find(alias);
    if (!isAggregate) return scalar(entry);
    checkMethods(entry, name);
    return aggregate(entry);
  };
})()`;
