import { resolve } from 'node:path';
import { Fault } from '@greensward/kit';

/** How long what is over is kept. Milliseconds. */
interface RetentionSettings {
  /** Deployments that were replaced, with their jobs and executions. */
  readonly jobsMs: number;
  /** How many revisions of one target at most, however young. */
  readonly revisions: number;
  readonly eventsMs: number;
  readonly auditMs: number;
}

/** How one cloud runs. */
export interface Settings {
  /** Absolute path; made when it is not there. */
  readonly dataFolder: string;
  /** The address that every port is opened on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly apiPort: number;
  readonly devicePort: number;
  readonly mqttPort: number;
  /** What devices and clients know this machine by, the first one preferred. */
  readonly names: readonly [string, ...string[]];
  /** `postgres://...`; the SQLite file of the data folder when absent. */
  readonly databaseUrl?: string;
  readonly accountId: string;
  readonly region: string;
  readonly retention: RetentionSettings;
  /** Plain HTTP on the API port although it is open to other machines. */
  readonly insecure: boolean;
}

/** The options as they were written on the command line. */
export interface Options {
  readonly data?: string | undefined;
  readonly host?: string | undefined;
  readonly 'api-port'?: string | undefined;
  readonly 'device-port'?: string | undefined;
  readonly 'mqtt-port'?: string | undefined;
  readonly name?: readonly string[] | undefined;
  readonly database?: string | undefined;
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly 'keep-jobs'?: string | undefined;
  readonly 'keep-events'?: string | undefined;
  readonly 'keep-audit'?: string | undefined;
  readonly 'keep-revisions'?: string | undefined;
}

const dayMs = 86_400_000;

/** Checks the options and fills in the defaults. Fails with `WRONG_USAGE`; the message names the option. */
export function parseSettings(options: Options): Settings {
  const { data, database } = options;
  if (data === undefined || data === '') throw usage('--data', 'a data folder is required');
  const host = options.host ?? '127.0.0.1';
  if (!isHost(host)) throw usage('--host', `${shown(host)} is not an address or host name`);
  const [first = 'localhost', ...others] = new Set(options.name ?? []);
  const names: [string, ...string[]] = [first, ...others];
  for (const name of names) if (!isHost(name)) throw usage('--name', `${shown(name)} is not a host name`);
  const accountId = options.account ?? '000000000000';
  if (!/^\d{12}$/.test(accountId)) throw usage('--account', `${shown(accountId)} does not have 12 digits`);
  const region = options.region ?? 'us-east-1';
  if (!/^[a-z]{2}(-[a-z]+){1,3}-\d{1,2}$/.test(region))
    throw usage('--region', `${shown(region)} is not a region name`);
  // The value is not repeated: it may hold a password.
  if (database !== undefined && !/^postgres(ql)?:\/\//.test(database))
    throw usage('--database', 'a postgres:// URL is expected');
  return {
    dataFolder: resolve(data),
    host,
    apiPort: port('--api-port', options['api-port'], 7400),
    devicePort: port('--device-port', options['device-port'], 8443),
    mqttPort: port('--mqtt-port', options['mqtt-port'], 8883),
    names,
    ...(database === undefined ? {} : { databaseUrl: database }),
    accountId,
    region,
    insecure: options.insecure ?? false,
    retention: {
      jobsMs: dayMs * count('--keep-jobs', options['keep-jobs'], 90, 'days'),
      revisions: count('--keep-revisions', options['keep-revisions'], 100, 'revisions'),
      eventsMs: dayMs * count('--keep-events', options['keep-events'], 90, 'days'),
      auditMs: dayMs * count('--keep-audit', options['keep-audit'], 90, 'days'),
    },
  };
}

/** True when no other machine can reach the ports: then the API port may speak plain HTTP. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function count(option: string, text: string | undefined, preset: number, unit: string): number {
  if (text === undefined) return preset;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw usage(option, `${shown(text)} is not a number of ${unit} from 1 to 99999`);
  return value;
}

function port(option: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 65_535)) throw usage(option, `${shown(text)} is not a port from 0 to 65535`);
  return value;
}

/** A DNS name, an IPv4 or an IPv6 address, without port or brackets. */
function isHost(text: string): boolean {
  if (text.length > 253) return false;
  return /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text) || /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function usage(option: string, message: string): Fault {
  return new Fault('WRONG_USAGE', `${option}: ${message}`, { context: { option } });
}
