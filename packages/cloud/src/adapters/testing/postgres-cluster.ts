import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';

/** A PostgreSQL server of our own in a temporary folder, reached over a socket in it. */
export interface PostgresCluster {
  /** A new, empty database; its URL. */
  createDatabase(): Promise<string>;
  /** Runs SQL in a database that `createDatabase` made. */
  query(url: string, text: string): Promise<void>;
  stop(): Promise<void>;
}

/** The folder with `initdb` and `postgres`; undefined where PostgreSQL is not installed. */
export function findPostgres(): string | undefined {
  const installed = '/usr/lib/postgresql';
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(installed, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.find((folder) => ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))));
}

/** Over a socket only; what a test writes need not outlive the machine. */
const settings = ['-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'full_page_writes=off'];

export async function startPostgres(programs: string): Promise<PostgresCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'greensward-postgres-'));
  const asUser = unprivileged(folder);
  const data = join(folder, 'data');
  createCluster(join(programs, 'initdb'), data, asUser);
  const [program, args] = asUser(join(programs, 'postgres'), ['-D', data, '-k', folder, ...settings]);
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('ready to accept connections')) resolve();
    });
    server.on('exit', () => reject(new Error(`postgres ended:\n${lines.join('\n')}`)));
  });
  await ready;

  const url = (database: string) => `postgres://postgres@${encodeURIComponent(folder)}:5432/${database}`;
  let databases = 0;

  async function query(to: string, text: string): Promise<void> {
    const client = new pg.Client({ connectionString: to });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  return {
    query,
    async createDatabase() {
      databases += 1;
      await query(url('postgres'), `create database test${databases}`);
      return url(`test${databases}`);
    },
    async stop() {
      // PostgreSQL: SIGQUIT is the immediate shutdown. Nobody wants the data, and the fast one writes a checkpoint first.
      server.kill('SIGQUIT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With a collation that is not that of bytes where the version can (15 on), so that the tests see the difference. */
function createCluster(initdb: string, data: string, asUser: AsUser): void {
  const common = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C.UTF-8'];
  try {
    execFileSync(...asUser(initdb, [...common, '--locale-provider=icu', '--icu-locale=en-US']), { stdio: 'pipe' });
  } catch {
    rmSync(data, { recursive: true, force: true });
    execFileSync(...asUser(initdb, common), { stdio: 'pipe' });
  }
}

type AsUser = (program: string, args: readonly string[]) => [program: string, args: string[]];

/** PostgreSQL refuses to run as root: the user of the installation runs it then. */
function unprivileged(folder: string): AsUser {
  if (process.getuid?.() !== 0) return (program, args) => [program, [...args]];
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  const [user, group] = [id('-u'), id('-g')];
  chownSync(folder, user, group);
  return (program, args) => [
    'setpriv',
    [`--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--', program, ...args],
  ];
}
