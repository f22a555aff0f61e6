import { Fault } from '@greensward/kit';
import type { iot } from '@greensward/protocol/iot';
import type { Handlers } from '../wire/rest-json.ts';

const served: ReadonlySet<string> = new Set(['iot:Data', 'iot:Data-ATS', 'iot:CredentialProvider', 'iot:Jobs']);

export const endpointHandlers: Pick<Handlers<typeof iot.operations>, 'DescribeEndpoint'> = {
  /** IoT: a bare host name; clients add scheme and port. */
  async DescribeEndpoint({ endpointType = 'iot:Data' }, { endpoints }) {
    if (!served.has(endpointType)) {
      throw new Fault(
        'InvalidRequestException',
        `endpointType: ${endpointType} is not one of ${[...served].join(', ')}`,
      );
    }
    return { endpointAddress: endpoints.names[0] };
  },
};
