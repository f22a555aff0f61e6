import { checkRecipe, MAX_RECIPE_BYTES } from '@greensward/model/recipe';
import { Command } from 'commander';
import { type RecipeReport, reportLines } from '../recipe-report.ts';
import { readUserFile } from '../user-file.ts';
import { addJsonOption } from './options.ts';

/** `sward recipe check`. */
export function recipeCommand(): Command {
  const check = new Command('check')
    .description('Check a recipe as the cloud and a device read it, without either.')
    .argument('<file>', 'recipe file, JSON or YAML')
    .addHelpText('after', '\nExit codes: 0 no errors (there may be warnings), 1 errors, 2 wrong usage.');
  const prints = `{"file", "valid", "componentName", "componentVersion",
"findings": [{"severity", "line", "path", "message"}]}; a severity is error, warning or extension (not on AWS).`;
  addJsonOption(check, prints).action(checkFile);
  return new Command('recipe').description('Work with recipes.').addCommand(check);
}

async function checkFile(file: string, options: { json?: true }): Promise<void> {
  const report = reportOf(file, await readUserFile(file));
  if (options.json === true) console.log(JSON.stringify(report));
  else for (const line of reportLines(report)) console.log(line);
  if (!report.valid) process.exitCode = 1;
}

function reportOf(file: string, bytes: Buffer): RecipeReport {
  const { recipe, findings } = checkRecipe(bytes.toString('utf8'));
  const size =
    bytes.length > MAX_RECIPE_BYTES
      ? [{ severity: 'error' as const, path: '', line: undefined, message: tooLarge(bytes.length) }]
      : [];
  const all = [...size, ...findings];
  return {
    file,
    valid: all.every(({ severity }) => severity !== 'error'),
    componentName: recipe?.componentName,
    componentVersion: recipe?.componentVersion,
    findings: all,
  };
}

function tooLarge(bytes: number): string {
  return `the recipe has ${bytes} bytes; the cloud accepts at most ${MAX_RECIPE_BYTES}`;
}
