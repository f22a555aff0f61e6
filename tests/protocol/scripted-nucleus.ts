import { until } from '@greensward/testkit/until';
import { type IClientOptions, type IConnackPacket, type MqttClient, connect as mqttConnect } from 'mqtt';
import { deploymentShadow, type Identity, namespace } from './protocol-cloud.ts';

/** A message as it arrived. */
export interface Received {
  /** Client id of the connection that it came on. */
  readonly on: string;
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly properties: object | undefined;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly outcome: 'accepted' | 'rejected';
  readonly body: JsonObject;
}

/** One connection of a scripted device. It does nothing of its own: no reconnect, no subscribing again. */
export class Connection {
  readonly clientId: string;
  readonly connack: IConnackPacket;
  readonly received: Received[];
  readonly #client: MqttClient;
  readonly #version: 4 | 5;
  readonly #taken = new Set<Received>();
  #ended = false;

  private constructor(clientId: string, client: MqttClient, connack: IConnackPacket, received: Received[]) {
    this.clientId = clientId;
    this.#client = client;
    this.#version = client.options.protocolVersion === 5 ? 5 : 4;
    this.connack = connack;
    this.received = received;
    client.on('close', () => {
      this.#ended = true;
    });
  }

  /** Connects with the identity; rejects with what the CONNACK says. `options` are those of MQTT.js. */
  static async open(port: number, identity: Identity, options: IClientOptions): Promise<Connection> {
    const { key, cert, ca } = identity;
    const clientId = options.clientId ?? identity.thing;
    const client = mqttConnect({
      protocol: 'mqtts',
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      key,
      cert,
      ca,
      reconnectPeriod: 0,
      ...options,
      clientId,
    });
    const received: Received[] = [];
    client.on('message', (topic, payload, { qos, retain, properties }) => {
      received.push({ on: clientId, topic, text: payload.toString('utf8'), qos, retain, properties });
    });
    const connack = await new Promise<IConnackPacket>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('error', reject);
      client.once('close', () => reject(new Error(`${clientId}: closed before it was accepted`)));
    });
    client.on('error', () => {}); // An end of the connection is seen by `ended`.
    return new Connection(clientId, client, connack, received);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** One SUBSCRIBE for one filter, in the options of the version; the granted QoS, or the reason of the refusal. */
  async subscribe(topic: string): Promise<number> {
    const options = this.#version === 5 ? { qos: 1 as const, rap: true, rh: 0 } : { qos: 1 as const };
    try {
      const [granted] = await this.#client.subscribeAsync(topic, options);
      return granted?.qos ?? 0x80;
    } catch {
      return 0x80;
    }
  }

  async unsubscribe(topic: string): Promise<void> {
    await this.#client.unsubscribeAsync(topic);
  }

  /** Publishes and waits for the PUBACK. */
  async publish(topic: string, payload: JsonObject | string | Buffer, qos: 0 | 1 = 1, retain = false): Promise<void> {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
    await this.#client.publishAsync(topic, bytes, { qos, retain });
  }

  /** The next message on this topic that was not taken before. */
  async next(topic: string): Promise<JsonObject> {
    const message = await until(
      `${this.clientId} receives ${topic}; it has ${this.received.map((each) => each.topic).join(', ')}`,
      () => this.received.find((each) => each.topic === topic && !this.#taken.has(each)),
      10_000,
    );
    this.#taken.add(message);
    return JSON.parse(message.text);
  }

  /** Messages on this topic that were not taken. */
  left(topic: string): readonly Received[] {
    return this.received.filter((each) => each.topic === topic && !this.#taken.has(each));
  }

  /** Publishes a request and takes the answer that comes to this connection. */
  async request(topic: string, payload: JsonObject | string | Buffer, qos: 0 | 1 = 1): Promise<Answer> {
    const before = this.received.length;
    const published = this.publish(topic, payload, qos);
    const answered = until(`${this.clientId} gets an answer to ${topic}`, () => {
      const answer = this.received
        .slice(before)
        .find((each) => each.topic === `${topic}/accepted` || each.topic === `${topic}/rejected`);
      if (answer === undefined) return undefined;
      this.#taken.add(answer);
      const outcome = answer.topic.endsWith('/accepted') ? ('accepted' as const) : ('rejected' as const);
      return { outcome, body: JSON.parse(answer.text) };
    });
    const [answer] = await Promise.all([answered, published]);
    return answer;
  }

  /** Ends with a DISCONNECT. */
  async disconnect(): Promise<void> {
    await this.#client.endAsync();
  }

  /** Breaks off without a DISCONNECT. */
  async drop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

/** CONNECT of the Java nucleus over MQTT 5: metrics as user name and no password, a session of a week, ALPN at any port. */
export function javaConnect(clientId: string, cleanStart: boolean): IClientOptions {
  return {
    protocolVersion: 5,
    clientId,
    clean: cleanStart,
    keepalive: 60,
    username: 'SDK=JavaV2?Version=1.31.0&SDK=JavaV2&Platform=Linux',
    properties: { sessionExpiryInterval: 604_800, receiveMaximum: 100, requestProblemInformation: true },
    ALPNProtocols: ['x-amzn-mqtt-ca'],
  };
}

/** The same with `mqtt.version: mqtt3`, and for the one-shot connection of an endpoint switch. */
export function java3Connect(clientId: string, cleanSession: boolean): IClientOptions {
  return {
    protocolVersion: 4,
    clientId,
    clean: cleanSession,
    keepalive: 60,
    username: '?SDK=JavaV2&Version=1.31.0',
    ALPNProtocols: ['x-amzn-mqtt-ca'],
  };
}

/** CONNECT of nucleus lite. */
export function liteConnect(clientId: string): IClientOptions {
  return { protocolVersion: 4, clientId, clean: true, keepalive: 30 };
}

/** The topics of one core device, as the sequences name them. */
export function topicsOf(thing: string) {
  const jobs = `$aws/things/${thing}/jobs`;
  const shadow = `$aws/things/${thing}/shadow/name/${deploymentShadow}`;
  return {
    jobs,
    shadow,
    notify: `${jobs}/notify-${namespace}`,
    notifyNext: `${jobs}/notify-next-${namespace}`,
    next: `${jobs}/$next/${namespace}/get`,
    update: (jobId: string) => `${jobs}/${jobId}/${namespace}/update`,
    health: `$aws/things/${thing}/greengrassv2/health/json`,
  };
}

/** What the Java nucleus publishes, member by member. */
export function javaMessages(thing: string) {
  return {
    next: { thingName: thing, jobId: '$next', includeJobDocument: true },
    update: (jobId: string, status: string, statusDetails: JsonObject = {}) => ({
      thingName: thing,
      jobId,
      status,
      statusDetails,
    }),
    shadowGet: { thingName: thing, shadowName: deploymentShadow },
    shadowReport: (configurationArn: string, status: string, version: number, details: JsonObject = {}) => ({
      thingName: thing,
      shadowName: deploymentShadow,
      state: {
        reported: {
          fleetConfigurationArnForStatus: configurationArn,
          status,
          statusDetails: { failureCause: '', errorStack: [], errorTypes: [], ...details },
          ggcVersion: '2.18.0',
        },
      },
      version,
    }),
  };
}

/** A Java nucleus played message by message: its topics, its bodies, and the connection it would use. */
export class ScriptedNucleus {
  readonly thing: string;
  readonly topics: ReturnType<typeof topicsOf>;
  readonly messages: ReturnType<typeof javaMessages>;
  readonly #identity: Identity;
  readonly #port: number;
  readonly #open: Connection[] = [];
  #sequence = 0;

  constructor(port: number, identity: Identity) {
    this.#port = port;
    this.#identity = identity;
    this.thing = identity.thing;
    this.topics = topicsOf(identity.thing);
    this.messages = javaMessages(identity.thing);
  }

  async connect(options: IClientOptions): Promise<Connection> {
    const connection = await Connection.open(this.#port, this.#identity, options);
    this.#open.push(connection);
    return connection;
  }

  /** First connect of a process, with everything it subscribes to; nothing is asked yet. */
  async start(): Promise<Connection> {
    const connection = await this.connect(javaConnect(this.thing, true));
    await this.subscribeAll(connection);
    return connection;
  }

  /** One SUBSCRIBE a filter, in the order of the nucleus. */
  async subscribeAll(connection: Connection): Promise<void> {
    const { next, notify, shadow } = this.topics;
    for (const filter of [
      `${next}/accepted`,
      `${next}/rejected`,
      notify,
      `${shadow}/update/accepted`,
      `${shadow}/update/rejected`,
      `${shadow}/get/accepted`,
    ]) {
      const granted = await connection.subscribe(filter);
      if (granted !== 1) throw new Error(`${filter}: granted ${granted}`);
    }
  }

  askNext(connection: Connection): Promise<Answer> {
    return connection.request(this.topics.next, this.messages.next);
  }

  /** Subscribes both answers, reports, and unsubscribes, as for each status. */
  async report(connection: Connection, jobId: string, status: string, details: JsonObject = {}): Promise<Answer> {
    const topic = this.topics.update(jobId);
    await connection.subscribe(`${topic}/accepted`);
    await connection.subscribe(`${topic}/rejected`);
    const answer = await connection.request(topic, this.messages.update(jobId, status, details));
    await connection.unsubscribe(`${topic}/accepted`);
    await connection.unsubscribe(`${topic}/rejected`);
    return answer;
  }

  /** A fleet status message, numbered on. */
  async health(connection: Connection, message: JsonObject): Promise<void> {
    await connection.publish(this.topics.health, this.healthBody(message));
  }

  healthBody(message: JsonObject): JsonObject {
    return {
      ggcVersion: '2.18.0',
      platform: 'linux',
      architecture: 'amd64',
      thing: this.thing,
      sequenceNumber: this.#sequence++,
      timestamp: Date.now(),
      messageType: 'PARTIAL',
      overallDeviceStatus: 'HEALTHY',
      components: [],
      ...message,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((connection) => connection.drop()));
  }
}
