import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Followed, openClient } from './cloud-client.ts';

let folder: string;
let close = () => {};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-client-'));
});
afterEach(async () => {
  close();
  await rm(folder, { recursive: true, force: true });
});

type Answer = (response: ServerResponse) => void;

/** A cloud that answers one request after the other so; what it was asked to go on behind. */
async function answering(...answers: readonly Answer[]) {
  const asked: (string | undefined)[] = [];
  const left = [...answers];
  const server = createServer((request, response) => {
    asked.push(request.headers['last-event-id']?.toString());
    left.shift()?.(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  await mkdir(join(folder, 'aws'));
  const config = `[profile greensward]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:${port}\n`;
  await writeFile(join(folder, 'aws', 'config'), config);
  await writeFile(
    join(folder, 'aws', 'credentials'),
    '[greensward]\naws_access_key_id = A\naws_secret_access_key = b\n',
  );
  return { client: await openClient(folder), asked };
}

const stream =
  (text: string, then: (response: ServerResponse) => void): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text, () => then(response));
  };
const transition = (id: number, to: string) =>
  `id: ${id}\nevent: transition\ndata: {"subject":"execution","thing":"a","to":"${to}"}\n\n`;

async function take(count: number, from: AsyncIterable<Followed>): Promise<string[]> {
  const taken: string[] = [];
  for await (const each of from) {
    taken.push(each.kind === 'transition' ? each.to : each.kind);
    if (taken.length === count) break;
  }
  return taken;
}

describe('a deployment that is followed', () => {
  test('goes on behind the last event when the connection breaks or the stream ends', async () => {
    const { client, asked } = await answering(
      stream(`${transition(4, 'QUEUED')}${transition(5, 'IN_PRO')}`.slice(0, -9), (response) => response.destroy()),
      stream(`event: rollout\ndata: {"settled":false}\n\n${transition(5, 'IN_PROGRESS')}`, (response) =>
        response.end(),
      ),
      stream(transition(6, 'SUCCEEDED'), () => {}),
    );
    expect(await take(4, client.follow('d'))).toEqual(['QUEUED', 'rollout', 'IN_PROGRESS', 'SUCCEEDED']);
    expect(asked).toEqual([undefined, '4', '5']);
  });

  test('that is not there is a failure at once', async () => {
    const { client, asked } = await answering((response) => {
      response.writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' }).end('{"message":"no"}');
    });
    await expect(take(1, client.follow('d'))).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
    expect(asked).toHaveLength(1);
  });
});
