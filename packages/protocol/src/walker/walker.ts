// Requests and answers of every REST-JSON operation, both sides, from the tables. Pure; runs in a browser too.
export type { Operation } from '../table.ts';
export { buildRequest, type IncomingResponse, type OutgoingRequest, parseError, parseOutput } from './client.ts';
export { percentEncode } from './encoding.ts';
export { parseInput } from './parse-input.ts';
export { serializeOutput } from './serialize.ts';
