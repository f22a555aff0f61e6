import { Fault, isJsonObject, type Json, type JsonObject } from '@greensward/kit';

/** The last telemetry message of a device. */
export interface Telemetry {
  readonly thing: string;
  /** `{Schema, ADP: [{TS, NS, M: [{N, U, Sum}]}]}` as JSON text. */
  readonly message: string;
  /** Epoch ms. */
  readonly receivedAt: number;
}

/** Greengrass: the largest telemetry message, bytes. */
const maxBytes = 128_000;

/**
 * A telemetry message, with the members that are known. A metric has its name, its unit, and numbers under the names of their
 * aggregations. Fails with `TELEMETRY_NOT_VALID`.
 */
export function readTelemetry(payload: Uint8Array): JsonObject {
  if (payload.length > maxBytes) throw notValid(`it has more than ${maxBytes} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (cause) {
    throw new Fault('TELEMETRY_NOT_VALID', 'The telemetry message is no JSON', { cause });
  }
  if (!isJsonObject(parsed)) throw notValid('it is no object');
  const { Schema: schema, ADP: points } = parsed;
  if (typeof schema !== 'string' || !Array.isArray(points)) throw notValid('Schema or ADP is missing');
  return { Schema: schema, ADP: points.map(pointOf) };
}

function pointOf(point: unknown): Json {
  if (!isJsonObject(point)) throw notValid('an element of ADP is no object');
  const { TS: at, NS: namespace, M: metrics } = point;
  if (typeof at !== 'number' || typeof namespace !== 'string' || !Array.isArray(metrics)) {
    throw notValid('an element of ADP lacks TS, NS or M');
  }
  return { TS: at, NS: namespace, M: metrics.map(metricOf) };
}

function metricOf(metric: unknown): Json {
  if (!isJsonObject(metric)) throw notValid('an element of M is no object');
  const { N: name, U: unit } = metric;
  if (typeof name !== 'string') throw notValid('an element of M lacks N');
  const numbers = Object.entries(metric).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries([['N', name], ...(typeof unit === 'string' ? [['U', unit]] : []), ...numbers]);
}

function notValid(why: string): Fault {
  return new Fault('TELEMETRY_NOT_VALID', `The telemetry message is not valid: ${why}`);
}
