// `npm run bench [-- NAME ...] [--json FILE]`: measures side by side in one run, prints medians and ratios, and the machine.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benches } from './bench/benches.ts';
import { type Figure, tableOf } from './bench/figure.ts';
import { machine } from './bench/machine.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const isAsked = (asked: string, name: string) => name === asked || name.startsWith(`${asked}-`);
const unknown = positionals.filter((asked) => ![...benches.keys()].some((name) => isAsked(asked, name)));
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${[...benches.keys()].join(', ')}`);
  process.exit(2);
}
const figures: Figure[] = [];
for (const [name, bench] of benches) {
  if (positionals.length > 0 && !positionals.some((asked) => isAsked(asked, name))) continue;
  console.error(`${name} ...`);
  figures.push(...(await bench()));
}
console.log(tableOf(figures));
console.log(machine());
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine: machine(), figures }, null, 2)}\n`);
