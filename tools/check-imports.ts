// Holds every import, and every use of the machine's clock, chance and timers, against tools/import-rules.ts.
// `--table` prints the rules as the Markdown table of ARCHITECTURE.md; `--write` puts it there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { type ESTree, parseSync, Visitor } from 'rolldown/utils';
import { type Room, roomOfEntry, rooms, testExtras } from './import-rules.ts';

const root = join(import.meta.dirname, '..');

interface Request {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly at: number;
}

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const refusedCalls = new Map([
  ['Date.now', 'Clock'],
  ['Math.random', 'Ids'],
  ['setTimeout', 'Timers'],
  ['setInterval', 'Timers'],
  ['randomUUID', 'Ids'],
  ['crypto.randomUUID', 'Ids'],
  ['performance.now', 'Timers'],
]);

function calleeName(node: ESTree.Expression): string | undefined {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'MemberExpression' && node.object.type === 'Identifier' && node.property.type === 'Identifier') {
    return `${node.object.name}.${node.property.name}`;
  }
  return undefined;
}

function scan(
  file: string,
  text: string,
): { requests: Request[]; machine: { at: number; name: string; port: string }[] } {
  const requests: Request[] = [];
  const machine: { at: number; name: string; port: string }[] = [];
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  new Visitor({
    ImportDeclaration(node) {
      const named = node.specifiers;
      const typeOnly =
        node.importKind === 'type' ||
        (named.length > 0 && named.every((s) => s.type === 'ImportSpecifier' && s.importKind === 'type'));
      requests.push({ specifier: node.source.value, typeOnly, at: node.start });
    },
    ExportNamedDeclaration(node) {
      if (node.source)
        requests.push({ specifier: node.source.value, typeOnly: node.exportKind === 'type', at: node.start });
    },
    ExportAllDeclaration(node) {
      requests.push({ specifier: node.source.value, typeOnly: node.exportKind === 'type', at: node.start });
    },
    ImportExpression(node) {
      const specifier = node.source.type === 'Literal' ? String(node.source.value) : '<computed>';
      requests.push({ specifier, typeOnly: false, at: node.start });
    },
    CallExpression(node) {
      const name = calleeName(node.callee);
      const port = name === undefined ? undefined : refusedCalls.get(name);
      if (name && port) machine.push({ at: node.start, name, port });
    },
    NewExpression(node) {
      if (calleeName(node.callee) === 'Date' && node.arguments.length === 0) {
        machine.push({ at: node.start, name: 'new Date()', port: 'Clock' });
      }
    },
  }).visit(program);
  return { requests, machine };
}

/** The room of a file; a test belongs to the room of what it tests. */
function roomOf(file: string): Room | undefined {
  const tested = file.replace(/(\.process)?\.test\.ts$/, '.ts');
  return rooms.find((room) => tested === room.path || tested.startsWith(`${room.path}/`));
}

/** Tests, and what only tests and benches import. */
function isForTests(file: string): boolean {
  return file.includes('.test.') || file.includes('/testing/') || file.endsWith('-bench.ts');
}

function allows(list: readonly string[], room: string, typeOnly: boolean): boolean {
  return list.some((entry) => {
    const [name, kind] = entry.split('!');
    if (kind === 'type' && !typeOnly) return false;
    return name === '*' || name === room || room.startsWith(`${name}/`);
  });
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Why a request is refused, or undefined. */
function refusal(file: string, room: Room, request: Request): string | undefined {
  const { specifier, typeOnly } = request;
  const test = isForTests(file);
  const ours = test ? [...room.ours, ...testExtras.ours] : room.ours;
  const packages = room.packages ?? [];
  if (specifier === '../package.json') return undefined; // Its version.
  if (specifier.startsWith('.')) {
    const target = relative(root, normalize(join(root, dirname(file), specifier)));
    const targetRoom = roomOf(target);
    if (!targetRoom) return `${specifier} is in no room`;
    if (targetRoom.name === room.name || allows(ours, targetRoom.name, typeOnly)) return undefined;
    return `${room.name} may not import ${targetRoom.name} (${specifier})`;
  }
  if (specifier.startsWith('@greensward/')) {
    return allows(ours, roomOfEntry(specifier), typeOnly) ? undefined : `${room.name} may not import ${specifier}`;
  }
  if (specifier.startsWith('node:')) {
    const node = test ? ['*'] : (room.node ?? []);
    return node.includes('*') || node.includes(specifier) ? undefined : `${room.name} may not import ${specifier}`;
  }
  const name = packageName(specifier);
  if (packages.includes('*') || packages.includes(name)) return undefined;
  if (test && testExtras.packages.some((extra) => (extra.endsWith('/') ? name.startsWith(extra) : name === extra)))
    return undefined;
  return `${room.name} may not import ${specifier}`;
}

function check(file: string): Finding[] {
  const room = roomOf(file);
  if (!room) return [{ file, line: 1, message: 'belongs to no room of tools/import-rules.ts' }];
  const text = readFileSync(join(root, file), 'utf8');
  const lineAt = (at: number) => text.slice(0, at).split('\n').length;
  const { requests, machine } = scan(file, text);
  const findings: Finding[] = [];
  for (const request of requests) {
    const why = refusal(file, room, request);
    if (why) findings.push({ file, line: lineAt(request.at), message: room.instead ? `${why}: ${room.instead}` : why });
  }
  if (!room.machine && !file.includes('.process.test.') && !file.includes('/testing/')) {
    for (const use of machine) {
      findings.push({
        file,
        line: lineAt(use.at),
        message: `${use.name} is refused here: take the ${use.port} port of kit`,
      });
    }
  }
  return findings;
}

function table(): string {
  const rows = rooms
    .filter((room, index) => rooms.findIndex((other) => other.name === room.name) === index)
    .map((room) => {
      const ours = room.ours.map((name) => (name.endsWith('!type') ? `${name.slice(0, -5)} (types)` : name)).join(', ');
      return `| ${room.name} | ${ours || 'nothing of ours'} | ${(room.packages ?? []).join(', ') || '-'} |`;
    });
  return ['| room | may import of ours | third-party packages |', '|---|---|---|', ...rows].join('\n');
}

function writeTable(): void {
  const path = join(root, 'ARCHITECTURE.md');
  const text = readFileSync(path, 'utf8');
  const [start, end] = ['<!-- imports: written by tools/check-imports.ts -->', '<!-- /imports -->'];
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) throw new Error('ARCHITECTURE.md has no place for the table of imports');
  const wanted = `${text.slice(0, from)}${start}\n\n${table()}\n\n${text.slice(to)}`;
  if (process.argv.includes('--write')) writeFileSync(path, wanted);
  else if (wanted !== text)
    throw new Error('the table of imports in ARCHITECTURE.md is old: node tools/check-imports.ts --write');
}

if (process.argv.includes('--table')) {
  process.stdout.write(`${table()}\n`);
} else {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && file !== 'vitest.config.ts' && existsSync(join(root, file)));
  const findings = files.flatMap(check);
  for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`);
  writeTable();
  if (findings.length > 0) process.exitCode = 1;
  else console.log(`imports: ${files.length} files, ${rooms.length} rooms, no refusal`);
}
