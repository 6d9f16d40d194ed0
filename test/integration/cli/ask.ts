import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { readKubeconfig } from '#client/kubeconfig.ts';

/** `ask.ts KUBECONFIG METHOD PATH [BODY]`: one request as a kubeconfig's user; prints code and body as JSON. */
const [kubeconfig = '', method = 'GET', path = '/', body] = process.argv.slice(2);
const { server, credentials } = await readKubeconfig(kubeconfig);
const headers = body === undefined ? {} : { 'content-type': 'application/json' };
const asked = request(new URL(path, server), { method, headers, ...credentials }, async (response) => {
  process.stdout.write(JSON.stringify({ code: response.statusCode, body: await text(response) }));
});
asked.end(body);
