import type { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { Handlers } from '../wire/rest-json.ts';

type TagHandlers = Pick<
  Handlers<typeof greengrassv2.operations>,
  'TagResource' | 'UntagResource' | 'ListTagsForResource'
>;

export const tagHandlers: TagHandlers = {
  async TagResource({ resourceArn, tags }, { app }) {
    await app.tags.put(resourceArn, tags);
    return {};
  },

  async UntagResource({ resourceArn, tagKeys }, { app }) {
    await app.tags.remove(resourceArn, tagKeys);
    return {};
  },

  async ListTagsForResource({ resourceArn }, { app }) {
    return { tags: await app.tags.get(resourceArn) };
  },
};
