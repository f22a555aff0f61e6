import { Fault } from '@greensward/kit';
import { componentArn, componentVersionArn } from '@greensward/protocol/arn';
import type { greengrassv2 } from '@greensward/protocol/greengrassv2';
import type { Account } from '../../app/context.ts';
import type { ComponentVersion } from '../../domain/components/component.ts';
import { componentOf, scopeOf, versionOf } from '../arns.ts';
import { pageOf, pager } from '../page-token.ts';
import type { Handlers } from '../wire/rest-json.ts';

type ComponentHandlers = Pick<
  Handlers<typeof greengrassv2.operations>,
  | 'CreateComponentVersion'
  | 'DescribeComponent'
  | 'GetComponent'
  | 'GetComponentVersionArtifact'
  | 'ListComponentVersions'
  | 'ListComponents'
  | 'DeleteComponent'
  | 'ResolveComponentCandidates'
>;

export const componentHandlers: ComponentHandlers = {
  async CreateComponentVersion({ inlineRecipe, lambdaFunction, tags, clientToken }, { app, account }) {
    if ((inlineRecipe === undefined) === (lambdaFunction === undefined)) {
      throw invalid('inlineRecipe', 'Exactly one of inlineRecipe and lambdaFunction is required');
    }
    if (inlineRecipe === undefined) {
      throw invalid('lambdaFunction', 'lambdaFunction is not supported: there are no Lambda functions here to import');
    }
    const component = await app.components.create({
      recipe: inlineRecipe,
      ...(tags === undefined ? {} : { tags }),
      ...(clientToken === undefined ? {} : { clientToken }),
    });
    return {
      arn: arnOf(component, account),
      componentName: component.name,
      componentVersion: component.version,
      creationTimestamp: component.createdAt,
      // What AWS answers first, letting the client poll. Here the artifacts are there before the answer is, so that what
      // DescribeComponent says next is final.
      status: { componentState: 'REQUESTED', message: 'NONE', errors: {} },
    };
  },

  async DescribeComponent({ arn }, { app, account }) {
    const { component, tags } = await app.components.describe(versionOf(arn));
    return {
      arn: arnOf(component, account),
      componentName: component.name,
      componentVersion: component.version,
      creationTimestamp: component.createdAt,
      publisher: filled(component.publisher),
      description: filled(component.description),
      status: statusOf(component),
      platforms: component.platforms,
      tags,
    };
  },

  async GetComponent({ arn, recipeOutputFormat }, { app }) {
    const { format, text, tags } = await app.components.recipe(versionOf(arn), recipeOutputFormat);
    return { recipeOutputFormat: format, recipe: Buffer.from(text, 'utf8'), tags };
  },

  async GetComponentVersionArtifact({ arn, artifactName }, { app, host }) {
    return { preSignedUrl: await app.components.artifactUrl(versionOf(arn), artifactName, host) };
  },

  async ListComponentVersions({ arn, nextToken, maxResults }, { app, account }) {
    const component = componentOf(arn);
    const pages = pager('ListComponentVersions', { ...component });
    const page = await app.components.versions(component, pages.request(nextToken, maxResults ?? 50));
    const componentVersions = page.items.map((item) => ({
      componentName: item.name,
      componentVersion: item.version,
      arn: arnOf(item, account),
    }));
    return { componentVersions, nextToken: pages.token(page.next) };
  },

  async ListComponents({ scope = 'PRIVATE', nextToken, maxResults }, { app, account }) {
    const pages = pager('ListComponents', { scope });
    const request = pages.request(nextToken, maxResults ?? 50);
    const page =
      scope === 'PUBLIC'
        ? pageOf(app.components.listPublic(), request, ({ name }) => name)
        : await app.components.list(request);
    const components = page.items.map((component) => ({
      arn: componentArn(ownerOf(component, account), component.name),
      componentName: component.name,
      latestVersion: {
        arn: arnOf(component, account),
        componentVersion: component.version,
        creationTimestamp: component.createdAt,
        description: filled(component.description),
        publisher: filled(component.publisher),
        platforms: component.platforms,
      },
    }));
    return { components, nextToken: pages.token(page.next) };
  },

  async DeleteComponent({ arn }, { app }) {
    await app.components.delete(versionOf(arn));
    return undefined;
  },

  async ResolveComponentCandidates({ platform, componentCandidates = [] }, { app, account }) {
    const candidates = componentCandidates.map(({ componentName, componentVersion, versionRequirements }, index) => {
      if (componentName === undefined) throw invalid(`componentCandidates[${index}].componentName`, 'is required');
      return {
        name: componentName,
        ...(componentVersion === undefined ? {} : { version: componentVersion }),
        requirements: versionRequirements ?? {},
      };
    });
    const resolved = await app.components.resolve({ attributes: platform?.attributes ?? {}, candidates });
    return {
      resolvedComponentVersions: resolved.map(({ component, recipe }) => ({
        arn: arnOf(component, account),
        componentName: component.name,
        componentVersion: component.version,
        recipe: Buffer.from(recipe, 'utf8'),
        vendorGuidance: 'ACTIVE' as const,
      })),
    };
  },
};

function arnOf(component: ComponentVersion, account: Account): string {
  return componentVersionArn(ownerOf(component, account), component.name, component.version);
}

/** Greengrass: public components are in the account `aws`. */
function ownerOf({ isPublic }: ComponentVersion, account: Account) {
  return isPublic ? { ...scopeOf(account), account: 'aws' } : scopeOf(account);
}

function statusOf({ state, message, errors }: ComponentVersion) {
  return { componentState: state, message, errors, vendorGuidance: 'ACTIVE' as const };
}

/** The API has no empty descriptions: they are left out. */
function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function invalid(name: string, message: string): Fault {
  return new Fault('ValidationException', message, {
    context: { reason: 'FIELD_VALIDATION_FAILED', fields: [{ name, message }] },
  });
}
