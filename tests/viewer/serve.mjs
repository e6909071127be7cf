// OHIF's files and, under the same origin, the DICOMweb of an Orthanc; on loopback alone.
import { createReadStream, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(HERE, 'node_modules', '@ohif', 'app', 'dist');
const OWN = { '/app-config.js': path.join(HERE, 'app-config.js') };
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};
// Without these two a browser gives no SharedArrayBuffer, on which OHIF's volumes lie.
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Serve on a free port; resolves to the port. `orthanc` is the HTTP port of Orthanc on 127.0.0.1. */
export function serve(orthanc) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (/^\/(dicom-web|wado)(\/|$)/.test(pathname)) pass(request, response, orthanc);
    else send(fileOf(pathname), response);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
}

/** The file of a path; every route of the page itself is index.html. */
function fileOf(pathname) {
  if (OWN[pathname]) return OWN[pathname];
  const file = path.join(DIST, path.normalize(decodeURIComponent(pathname)));
  const known = file.startsWith(DIST + path.sep) && statSync(file, { throwIfNoEntry: false })?.isFile();
  return known ? file : path.join(DIST, 'index.html');
}

function send(file, response) {
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, ...ISOLATED });
  createReadStream(file).pipe(response);
}

function pass(request, response, port) {
  // The client's Host goes along: Orthanc writes it into the addresses of bulk data.
  const { method, url, headers } = request;
  const upstream = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', (error) => response.writeHead(502).end(String(error)));
  request.pipe(upstream);
}
