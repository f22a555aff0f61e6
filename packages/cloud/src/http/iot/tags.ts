import type { iot } from '@greensward/protocol/iot';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';
import { tagMap } from './tag-list.ts';

type TagHandlers = Pick<Handlers<typeof iot.operations>, 'TagResource' | 'UntagResource' | 'ListTagsForResource'>;

/** The request names no page size. */
const tagsPerPage = 50;

export const iotTagHandlers: TagHandlers = {
  async TagResource({ resourceArn, tags }, { app }) {
    await app.tags.put(resourceArn, tagMap(tags));
    return {};
  },

  async UntagResource({ resourceArn, tagKeys }, { app }) {
    await app.tags.remove(resourceArn, tagKeys);
    return {};
  },

  async ListTagsForResource({ resourceArn, nextToken }, { app }) {
    const pages = pager('ListTagsForResource', { resourceArn });
    const request = pages.request(nextToken, tagsPerPage);
    const tags = Object.entries(await app.tags.get(resourceArn)).map(([Key, Value]) => ({ Key, Value }));
    const page = pageOf(tags, request, ({ Key }) => Key);
    return { tags: page.items, nextToken: pages.token(page.next) };
  },
};
