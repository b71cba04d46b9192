import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Wheel } from '../../src/machine/runtimes/catalogue.ts';

/** Writes a wheel with these files through Python's zipfile, and describes it as our catalogue does. */
export function makeWheel(
  folder: string,
  file: string,
  files: Record<string, string>,
  keep: readonly RegExp[],
  drop: readonly RegExp[] = [],
): Wheel {
  mkdirSync(folder, { recursive: true });
  const [project = '', version = ''] = file.split('-');
  const info = `${project}-${version}.dist-info`;
  const all = {
    ...files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\n',
    [`${info}/RECORD`]: '',
  };
  const path = join(folder, file);
  execFileSync('python3', [
    '-c',
    'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:\n  for name, text in json.loads(sys.argv[2]).items(): z.writestr(name, text)',
    path,
    JSON.stringify(all),
  ]);
  const bytes = readFileSync(path);
  return {
    project: project.replaceAll('_', '-'),
    version,
    file,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    keep,
    drop,
  };
}

export interface PackageIndex {
  url: string;
  /** Requested wheels, in order. */
  requested: string[];
  /** Wheels that are begun and never finished. */
  stall: Set<string>;
  close(): void;
}

/** A package index as PEP 503 describes it, over the wheels in a folder. */
export async function servePackages(folder: string, wheels: readonly Wheel[]): Promise<PackageIndex> {
  const requested: string[] = [];
  const stall = new Set<string>();
  const server = createServer((request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    if (kind === 'simple') {
      const links = wheels
        .filter(({ project }) => project === name)
        .map(({ file, sha256 }) => `<a href="/files/${file}#sha256=${sha256}">${file}</a>`);
      response.writeHead(links.length > 0 ? 200 : 404, { 'content-type': 'text/html' });
      response.end(`<!DOCTYPE html><html><body>${links.join('\n')}</body></html>`);
      return;
    }
    requested.push(name);
    const bytes = readFileSync(join(folder, name));
    response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'application/octet-stream' });
    if (stall.has(name)) response.write(bytes.subarray(0, bytes.length / 2));
    else response.end(bytes);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`,
    requested,
    stall,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
