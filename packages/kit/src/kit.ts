// The pure entry of kit: no Node module, no I/O, no time, no chance. `@greensward/kit/node` is the other half.
export { type Chance, seededChance } from './chance.ts';
export { Fault, messageChain, messageOf } from './fault.ts';
export { isJsonObject, type Json, type JsonObject } from './json.ts';
export { type Cancel, type Clock, type Ids, type Log, silentLog, type Timers } from './ports.ts';
export { type Backoff, backoffDelay, delay, isRetryable } from './retry.ts';
