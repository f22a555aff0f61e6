import { generate } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import type { ConnectRequest } from './options.ts';
import { deferred, testServer } from './test-support.ts';

describe('connecting', () => {
  test('the limits of the server are announced to an MQTT 5 client [v5 3.2.2-9]', async () => {
    const { dial, events } = testServer();
    const connack = await dial().connect('core', { keepalive: 60 });
    expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: false });
    expect(connack.properties).toEqual({
      receiveMaximum: 100,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: 262144,
      topicAliasMaximum: 8,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
    });
    expect(events).toEqual(['connected core false']);
  });

  test('a keep-alive of 0 or beyond the limit is answered with Server Keep Alive', async () => {
    const { dial } = testServer();
    for (const keepalive of [0, 5000]) {
      const { properties } = await dial().connect('c', { keepalive });
      expect(properties?.serverKeepAlive).toBe(1200);
    }
  });

  test('a session expiry beyond the limit is answered with the limit', async () => {
    const { dial } = testServer();
    const connack = await dial().connect('c', { properties: { sessionExpiryInterval: 0xffffffff } });
    expect(connack.properties?.sessionExpiryInterval).toBe(604800);
  });

  test('an empty client id is given a name by MQTT 5 [v5 3.1.3-6 3.1.3-7]', async () => {
    const { dial, server } = testServer();
    const { properties } = await dial().connect('');
    expect(properties?.assignedClientIdentifier).toMatch(/^auto-uuid-/);
    expect([...server.clients()].map(({ clientId }) => clientId)).toEqual([properties?.assignedClientIdentifier]);
  });

  test('an empty client id is taken by 3.1.1 with a clean session and refused without [v3 3.1.3-6 3.1.3-8]', async () => {
    const { dial } = testServer();
    expect(await dial(4).connect('')).toMatchObject({ returnCode: 0 });
    const client = dial(4);
    client.stream.write(Buffer.from('100c00044d515454040000000000', 'hex'));
    expect(await client.next('connack')).toMatchObject({ returnCode: 2 });
    await client.end();
  });

  test('a user name without password is taken, and handed on with the certificate and address', async () => {
    const requests: ConnectRequest[] = [];
    const { dial } = testServer({
      authenticate: (request) => {
        requests.push(request);
        return Promise.resolve({ allow: true, principal: { name: 'p' } });
      },
    });
    await dial().connect('core', { username: 'SDK=JavaV2?Version=1.31.0' });
    expect(requests).toEqual([
      {
        clientId: 'core',
        protocolVersion: 5,
        username: 'SDK=JavaV2?Version=1.31.0',
        password: undefined,
        peerCertificate: undefined,
        remoteAddress: '192.0.2.1',
      },
    ]);
  });

  test.each([
    ['not-authorized', 0x87, 5],
    ['bad-credentials', 0x86, 4],
    ['unavailable', 0x88, 3],
  ] as const)(
    'a refusal %s is told in each version, logged, and ends the connection [v3 3.2.2-5] [v5 3.1.4-2 3.2.2-7 4.13.2-1]',
    async (reason, code5, code4) => {
      const { dial, log, events } = testServer({ authenticate: () => Promise.resolve({ allow: false, reason }) });
      const five = dial(5);
      expect(await five.connect('c')).toMatchObject({ reasonCode: code5 });
      await five.end();
      const four = dial(4);
      expect(await four.connect('c')).toMatchObject({ returnCode: code4 });
      await four.end();
      expect(events).toEqual([]);
      expect(log.lines[0]).toEqual([`connect refused: ${reason}`, { clientId: 'c', remoteAddress: '192.0.2.1' }]);
    },
  );

  test('an authentication that fails refuses as unavailable', async () => {
    const { dial } = testServer({
      authenticate: () => {
        throw new Error('database gone');
      },
    });
    expect(await dial().connect('c')).toMatchObject({ reasonCode: 0x88 });
  });

  test('what a client sends before it is let in waits', async () => {
    const gate = deferred<void>();
    const { dial } = testServer({
      authenticate: async () => {
        await gate.promise;
        return { allow: true, principal: { name: 'p' } };
      },
    });
    const client = dial();
    client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: 'c', clean: true });
    client.send({ cmd: 'pingreq' });
    gate.resolve();
    await client.next('connack');
    await client.next('pingresp');
  });

  test('a connection without an accepted CONNECT is closed in time', async () => {
    const { dial, timers, log } = testServer();
    const client = dial();
    timers.advance(10_000);
    await client.end();
    expect(log.lines[0]?.[0]).toContain('no CONNECT');
  });

  test('another protocol level is answered with return code 1 [v3 3.1.2-2] [v5 3.1.2-2]', async () => {
    const { dial } = testServer();
    const client = dial(4);
    client.stream.write(Buffer.from('101000044d5154540602003c000463323334', 'hex'));
    expect(await client.next('connack')).toMatchObject({ returnCode: 1 });
    await client.end();
  });

  test('enhanced authentication is refused with 0x8C [v5 4.12.0-1]', async () => {
    const { dial } = testServer();
    expect(await dial().connect('c', { properties: { authenticationMethod: 'SCRAM' } })).toMatchObject({
      reasonCode: 0x8c,
    });
  });

  test('a client id longer than the limit is refused with 0x85, or 2 [v3 3.1.3-9] [v5 3.1.3-8]', async () => {
    const { dial } = testServer();
    expect(await dial().connect('x'.repeat(257))).toMatchObject({ reasonCode: 0x85 });
    expect(await dial(4).connect('x'.repeat(257))).toMatchObject({ returnCode: 2 });
  });

  test('a will of QoS 2, on a bad topic or not authorized is refused [v5 3.2.2-12]', async () => {
    const { dial } = testServer({ authorizePublish: (_client, topic) => topic !== 'forbidden' });
    const will = { topic: 't', payload: Buffer.alloc(0) };
    expect(await dial().connect('c', { will: { ...will, qos: 2 } })).toMatchObject({ reasonCode: 0x9b });
    expect(await dial().connect('c', { will: { ...will, topic: 'a/#' } })).toMatchObject({ reasonCode: 0x90 });
    expect(await dial().connect('c', { will: { ...will, topic: 'forbidden' } })).toMatchObject({ reasonCode: 0x87 });
  });

  test('client ids that are names of object members are names like others', async () => {
    const { dial, server } = testServer();
    for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString']) {
      const client = dial();
      expect(await client.connect(name)).toMatchObject({ reasonCode: 0, sessionPresent: false });
      await client.subscribe(`${name}/#`);
      client.publish(`${name}/__proto__`, 'hello', { qos: 1, messageId: 9 });
      expect(await client.next('publish')).toMatchObject({ topic: `${name}/__proto__` });
    }
    expect([...server.clients()]).toHaveLength(4);
  });
});

describe('one client id, two connections', () => {
  test('the older is told 0x8E and closed, the newer serves [v5 3.1.4-3]', async () => {
    const { dial, events } = testServer();
    const first = dial();
    await first.connect('core');
    const second = dial();
    await second.connect('core');
    expect(await first.end()).toBe(0x8e);
    expect(await second.drain()).toEqual([]);
    expect(events).toEqual(['connected core false', 'disconnected core taken-over', 'connected core false']);
  });

  test('a 3.1.1 connection is just closed [v3 3.1.4-2]', async () => {
    const { dial } = testServer();
    const first = dial(4);
    await first.connect('core');
    await dial().connect('core');
    expect(await first.end()).toBeUndefined();
  });
});

describe('keep-alive', () => {
  test('a silent client is closed after one and a half times its keep-alive, not before [v5 3.1.2-22 3.2.2-22]', async () => {
    const { dial, timers, events } = testServer();
    const client = dial();
    await client.connect('c', { keepalive: 60 });
    timers.advance(60_000);
    expect(await client.drain()).toEqual([]);
    timers.advance(89_999);
    expect(client.ended).toBe(false);
    timers.advance(1);
    expect(await client.end()).toBe(0x8d);
    expect(events.at(-1)).toBe('disconnected c keep-alive');
  });

  test('bytes that complete no packet keep nothing alive', async () => {
    const { dial, timers } = testServer();
    const client = dial();
    await client.connect('c', { keepalive: 60 });
    timers.advance(80_000);
    client.stream.write(
      generate({ cmd: 'publish', topic: 't', payload: 'x', qos: 0, dup: false, retain: false }).subarray(0, 3),
    );
    await new Promise(setImmediate);
    timers.advance(10_000);
    expect(await client.end()).toBe(0x8d);
  });

  test('a 3.1.1 client without keep-alive may stay silent', async () => {
    const { dial, timers } = testServer();
    const client = dial(4);
    await client.connect('c', { keepalive: 0 });
    timers.advance(100_000_000);
    expect(await client.drain()).toEqual([]);
  });
});

describe('ending connections', () => {
  test('disconnect closes those that match and says why', async () => {
    const { dial, server, events } = testServer();
    const [one, two] = [dial(), dial()];
    await one.connect('one');
    await two.connect('two');
    expect(server.disconnect(({ principal }) => principal.name === 'one', 'not-authorized')).toBe(1);
    expect(await one.end()).toBe(0x87);
    expect(await two.drain()).toEqual([]);
    expect(events.at(-1)).toBe('disconnected one not-authorized');
  });

  test('close tells all clients 0x8B, publishes their wills, and resolves when they are gone', async () => {
    const { dial, server } = testServer();
    const [one, two, four] = [dial(), dial(), dial(4)];
    await one.connect('one', { will: { topic: 'w', payload: Buffer.from('gone') } });
    await two.connect('two');
    await two.subscribe('w');
    await four.connect('four');
    const closed = server.close();
    expect(await one.end()).toBe(0x8b);
    expect(await two.next('publish')).toMatchObject({ topic: 'w' });
    expect(await two.end()).toBe(0x8b);
    expect(await four.end()).toBeUndefined();
    await closed;
    const late = dial();
    await late.end();
  });

  test('a connection over the limit is told 0x97, or 3, and those that are there are served', async () => {
    const { dial } = testServer({ limits: { connections: 1 } });
    const [one, two, four] = [dial(), dial(), dial(4)];
    expect(await two.connect('two')).toMatchObject({ reasonCode: 0x97 });
    await two.end();
    expect(await four.connect('four')).toMatchObject({ returnCode: 3 });
    expect(await one.connect('one')).toMatchObject({ reasonCode: 0 });
  });

  test('connections far over the limit are closed at once', async () => {
    const { dial } = testServer({ limits: { connections: 1 } });
    const [one] = Array.from({ length: 101 }, () => dial());
    await dial().end();
    expect(await one?.connect('one')).toMatchObject({ reasonCode: 0 });
  });

  test('more connects a second than the limit are told 0x9F', async () => {
    const { dial, timers } = testServer({ limits: { connectsPerSecond: 2 } });
    for (const reasonCode of [0, 0, 0x9f]) expect(await dial().connect('')).toMatchObject({ reasonCode });
    expect(await dial(4).connect('c')).toMatchObject({ returnCode: 3 });
    timers.advance(1000);
    expect(await dial().connect('')).toMatchObject({ reasonCode: 0 });
  });
});
