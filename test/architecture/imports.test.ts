import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** Who may import which lib. Each line is a decision: change it together with the folder's README and docs/architecture.md. */
const MAY_IMPORT: Record<string, string[]> = {
  'libs/contracts': [],
  'libs/change-detection': [],
  'libs/onnx-autodiff': [],
  'libs/artifacts': [],
  'libs/serving': [],
  'libs/adversarial': ['onnx-autodiff', 'change-detection'],
  'libs/executors': ['onnx-autodiff'],
  'libs/service-kit': ['contracts'],
  'libs/testbed': ['adversarial', 'artifacts', 'contracts', 'onnx-autodiff', 'serving', 'change-detection'],
  'libs/cli': ['adversarial', 'artifacts', 'executors', 'onnx-autodiff', 'contracts', 'change-detection'],
};
/** A service's domain is pure: no Nest, NATS, Redis, clock or environment. */
const DOMAIN_LIBS = ['contracts', 'change-detection', 'adversarial'];
const DOMAIN_PACKAGES: string[] = [];

interface Import {
  file: string;
  target: string;
}

const sources = (folder: string): string[] =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, name))
        .filter((name) => name.endsWith('.ts'));

/** Tests may start servers and build fixtures, so they may import anything. */
const isTest = (file: string) => /\.test\.ts$|\/(testing|fixtures)\//.test(file);

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
  );
  return [...found].map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? '' }));
}

const production = [...sources('libs'), ...sources('services')].filter((file) => !isTest(file));
const allImports = production.flatMap(importsOf);
const show = ({ file, target }: Import) => `${file} imports ${target}`;
const rootOf = (path: string) => path.split('/').slice(0, 2).join('/');

describe('who may import whom', () => {
  it('sees the imports at all', () => {
    expect(allImports.length).toBeGreaterThan(100);
  });

  it('libs import only the libs they may', () => {
    const wrong = allImports.filter(({ file, target }) => {
      const allowed = MAY_IMPORT[rootOf(file)];
      return allowed && target.startsWith('#') && !allowed.includes(target.slice(1));
    });
    expect(wrong.map(show)).toEqual([]);
  });

  it('every lib has a rule', () => {
    expect(readdirSync('libs').filter((name) => !MAY_IMPORT[`libs/${name}`])).toEqual([]);
  });

  it('no lib, and no service, reaches into another one past its index.ts', () => {
    const wrong = allImports.filter(({ file, target }) => {
      if (!target.startsWith('.')) return false;
      return rootOf(normalize(join(dirname(file), target))) !== rootOf(file);
    });
    expect(wrong.map(show)).toEqual([]);
  });

  it('libs never import a service', () => {
    expect(allImports.filter(({ target }) => target.includes('services/')).map(show)).toEqual([]);
  });

  it('engines with packages of their own are loaded when asked for, never imported', () => {
    expect(allImports.filter(({ target }) => /engines\/|@tensorflow\//.test(target)).map(show)).toEqual([]);
  });

  it('domain code is pure', () => {
    const wrong = allImports.filter(({ file, target }) => {
      if (!/^services\/[^/]+\/domain\//.test(file)) return false;
      if (target.startsWith('#')) return !DOMAIN_LIBS.includes(target.slice(1));
      if (!target.startsWith('.')) return !DOMAIN_PACKAGES.includes(target);
      return !normalize(join(dirname(file), target)).includes('/domain/');
    });
    expect(wrong.map(show)).toEqual([]);
    const impure = production
      .filter((file) => /^services\/[^/]+\/domain\//.test(file))
      .filter((file) =>
        /\bDate\.now\(|new Date\(\)|Math\.random\(|process\.env|randomUUID/.test(readFileSync(file, 'utf8')),
      );
    expect(impure).toEqual([]);
  });

  it('testbed is for the demo and for tests: no service needs it', () => {
    expect(
      allImports.filter(({ file, target }) => file.startsWith('services/') && target === '#testbed').map(show),
    ).toEqual([]);
  });
});

describe('no cycles', () => {
  const files = new Set(production);
  const edges = new Map<string, string[]>();
  for (const { file, target } of allImports) {
    if (!target.startsWith('.')) continue;
    const to = relative('.', join(dirname(file), target)).replace(/\.js$/, '.ts');
    if (files.has(to)) edges.set(file, [...(edges.get(file) ?? []), to]);
  }

  function cycleFrom(start: string): string[] | undefined {
    const path: string[] = [];
    const done = new Set<string>();
    const walk = (file: string): string[] | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return undefined;
      path.push(file);
      for (const next of edges.get(file) ?? []) {
        const cycle = walk(next);
        if (cycle) return cycle;
      }
      path.pop();
      done.add(file);
      return undefined;
    };
    return walk(start);
  }

  it('inside any lib or service', () => {
    const cycles = new Set([...edges.keys()].map((file) => cycleFrom(file)?.join(' -> ')).filter(Boolean));
    expect([...cycles]).toEqual([]);
  });
});
