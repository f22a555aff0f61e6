import { parseArgs } from 'node:util';
import { Fault, type Log, messageChain, messageOf } from '@greensward/kit';
import { pino } from 'pino';
import { type Options, parseSettings, type Settings } from './settings.ts';
import { type Cloud, startCloud } from './start.ts';

/** A second SIGINT within this time is the same Ctrl-C, which npm and the terminal both deliver. Milliseconds. */
const sameSignal = 2000;

/** How long running requests may take to end once the cloud is told to stop. Milliseconds. */
const stopLimit = 15_000;

const usage = `usage: sward cloud --data DIR [--api-port 7400] [--device-port 8443] [--mqtt-port 8883] [--host 127.0.0.1]
  [--name HOST ...] [--database URL] [--account 000000000000] [--region us-east-1] [--insecure] [--json]
  [--keep-jobs 90] [--keep-revisions 100] [--keep-events 90] [--keep-audit 90]`;

/** JSON lines in the form that all our programs log in. */
const logFormat: pino.LoggerOptions = {
  base: null,
  messageKey: 'message',
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level) => ({ level }) },
};

const exitCodes = { failed: 1, wrongUsage: 2 };

await main();

async function main(): Promise<void> {
  const asked = readCommandLine();
  if (asked === undefined) return;
  const log = pinoLog(pino(logFormat, pino.destination({ fd: 2, sync: true })));
  let cloud: Cloud;
  try {
    cloud = await startCloud(asked.settings, { log });
  } catch (error) {
    // One line, and the last one: whoever started us shows it.
    if (!(error instanceof Fault)) log.error('the cloud could not start', { why: messageChain(error) });
    fail(messageOf(error), exitCodes.failed);
    return;
  }
  stopWhenTold(cloud, log);
  announce(cloud, asked.settings, asked.json);
}

function readCommandLine(): { settings: Settings; json: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        host: { type: 'string' },
        'api-port': { type: 'string' },
        'device-port': { type: 'string' },
        'mqtt-port': { type: 'string' },
        name: { type: 'string', multiple: true },
        database: { type: 'string' },
        account: { type: 'string' },
        region: { type: 'string' },
        insecure: { type: 'boolean' },
        'keep-jobs': { type: 'string' },
        'keep-events': { type: 'string' },
        'keep-audit': { type: 'string' },
        'keep-revisions': { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    // The URL may hold a password, which other users of the machine would see among the arguments.
    const database = values.database ?? process.env['GREENSWARD_DATABASE_URL'];
    return {
      settings: parseSettings({ ...retentionFromEnvironment(), ...values, database }),
      json: values.json ?? false,
    };
  } catch (error) {
    fail(`${messageOf(error)}\n${usage}`, exitCodes.wrongUsage);
    return undefined;
  }
}

/** `GREENSWARD_KEEP_JOBS` and so on, below what the command line says. */
function retentionFromEnvironment(): Pick<Options, 'keep-jobs' | 'keep-revisions' | 'keep-events' | 'keep-audit'> {
  const { env } = process;
  return {
    'keep-jobs': env['GREENSWARD_KEEP_JOBS'],
    'keep-revisions': env['GREENSWARD_KEEP_REVISIONS'],
    'keep-events': env['GREENSWARD_KEEP_EVENTS'],
    'keep-audit': env['GREENSWARD_KEEP_AUDIT'],
  };
}

function announce(cloud: Cloud, settings: Settings, json: boolean): void {
  const { endpoint, ports, account } = cloud;
  const { accountId, region } = account;
  const ready = { kind: 'ready', endpoint, ...ports, accountId, region, dataFolder: settings.dataFolder };
  if (json) console.log(JSON.stringify(ready));
  else
    console.log(
      `ready: AWS APIs ${endpoint}, devices ${ports.devicePort}, MQTT ${ports.mqttPort}, data in ${settings.dataFolder}`,
    );
  if (process.connected) process.send?.(ready);
}

function stopWhenTold(cloud: Cloud, log: Log): void {
  let toldAt: number | undefined;
  const stop = (why: string) => {
    const now = performance.now();
    if (toldAt !== undefined) {
      if (now - toldAt > sameSignal) process.exit(exitCodes.failed); // Asked again: whoever waits has had enough.
      return;
    }
    toldAt = now;
    log.info('stopping', { why });
    setTimeout(() => {
      log.warn('requests are still running: stopping without them');
      process.exit(exitCodes.failed);
    }, stopLimit).unref();
    cloud.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('the cloud did not stop cleanly', { why: messageChain(error) });
        process.exit(exitCodes.failed);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // Whoever started us is gone, however it went.
  process.on('disconnect', () => stop('the parent is gone'));
  if (process.send !== undefined && !process.connected) stop('the parent is gone');
}

function fail(message: string, code: number): void {
  console.error(message);
  process.exitCode = code;
  // A channel to the parent would keep the process.
  if (process.connected) process.disconnect();
}

function pinoLog(logger: pino.Logger): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Readonly<Record<string, unknown>>) =>
      logger[level]({ ...fields }, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => pinoLog(logger.child({ ...fields })),
  };
}
