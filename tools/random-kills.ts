// `npm run kills -- [--kills 100] [--seed N]`: kills cloud and devices at random moments, and checks the fleet afterwards.
import { parseArgs } from 'node:util';
import { randomKills } from '../tests/faults/random-kills.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}`);
const report = await randomKills(Number(values.kills), seed, (line) => console.log(line));
console.log(JSON.stringify(report));
