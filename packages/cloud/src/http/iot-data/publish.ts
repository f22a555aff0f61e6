import { Fault, isJsonObject } from '@greensward/kit';
import type { PublishRequest } from '@greensward/protocol/iot-data';
import type { MessageProperties, MessageToPublish } from '../../ports/bus.ts';
import type { Call } from '../exchange.ts';

/** A message to MQTT clients from one that speaks HTTP. Topics that begin with `$` are the service's own. */
export async function publish(input: PublishRequest, { app }: Call): Promise<undefined> {
  if (input.topic.startsWith('$')) {
    throw new Fault('InvalidRequestException', 'Topics that begin with $ are reserved: use the API of their service');
  }
  app.messages.publish(messageOf(input));
  return undefined;
}

function messageOf({
  topic,
  payload = new Uint8Array(),
  qos,
  retain = false,
  ...more
}: PublishRequest): MessageToPublish {
  return { topic, payload, qos: qos === 1 ? 1 : 0, retain, properties: propertiesOf(more) };
}

function propertiesOf(input: Omit<PublishRequest, 'topic'>): MessageProperties {
  const { contentType, responseTopic, correlationData, messageExpiry, payloadFormatIndicator, userProperties } = input;
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData, 'base64') }),
    ...(messageExpiry === undefined ? {} : { messageExpiryInterval: messageExpiry }),
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: payloadFormatIndicator === 'UTF8_DATA' }),
    ...(userProperties === undefined ? {} : { userProperties: userPropertiesOf(userProperties) }),
  };
}

/** IoT: base64 of a JSON list of objects, `[{"name": "value"}, ...]`. */
function userPropertiesOf(header: string): readonly (readonly [string, string])[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    throw notProperties();
  }
  if (!Array.isArray(parsed)) throw notProperties();
  return parsed.flatMap((each: unknown) => {
    if (!isJsonObject(each)) throw notProperties();
    return Object.entries(each).map(([name, value]) => {
      if (typeof value !== 'string') throw notProperties();
      return [name, value] as const;
    });
  });
}

function notProperties(): Fault {
  return new Fault('InvalidRequestException', 'userProperties is not the base64 of a JSON list of objects of text');
}
