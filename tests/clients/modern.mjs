// SPDX-License-Identifier: ISC
// usage: modern.mjs MODULES URL KEY pin|auto CHANNEL TEXT
// The official client of revision 2026-07-28 lists and calls the tools; a JSON
// line for each thing seen, exit status 0 when all of it went well.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, url, key, mode, channel, text] = process.argv.slice(2);
const folder = modules + '/node_modules/@modelcontextprotocol/client/';
let entry = JSON.parse(readFileSync(folder + 'package.json')).exports['.'];
while (typeof entry === 'object')
	entry = entry.import ?? entry.default;
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(folder + entry));
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

const watched = async (to, init = {}) => {
	const answer = await fetch(to, init);
	const sent = Object.fromEntries([...new Headers(init.headers)].filter(([k]) => k.startsWith('mcp-')));
	say('http', { method: init.method ?? 'GET', status: answer.status, sent });
	return answer;
};
const client = new Client({ name: 'modern', version: '1' }, { capabilities: {},
	versionNegotiation: { mode: mode === 'pin' ? { pin: '2026-07-28' } : mode } });
client.onerror = e => say('onerror', { message: String(e.message ?? e) });
const call = async (name, args) => {
	const r = await client.callTool({ name, arguments: args });
	say('call', { name, isError: r.isError ?? false, text: r.content[0].text });
};
try {
	await client.connect(new StreamableHTTPClientTransport(new URL(url),
		{ requestInit: { headers: { Authorization: 'Bearer ' + key } }, fetch: watched }));
	say('connected', { era: client.getProtocolEra(), version: client.getNegotiatedProtocolVersion(),
		server: client.getServerVersion()?.name });
	const list = await client.listTools();
	say('tools', { names: list.tools.map(t => t.name), ttlMs: list.ttlMs, cacheScope: list.cacheScope });
	await call('slack_list_channels', { limit: 5 });
	await call('slack_post_message', { channel_id: channel, text });
	await call('slack_get_channel_history', { channel_id: channel, limit: 3 });
	await call('slack_list_channels', { team_id: 'T0NOBODY', limit: 5 });
	await client.close();
	say('done');
} catch (e) {
	say('failed', { code: e.code ?? null, message: String(e.message ?? e) });
	process.exit(1);
}
process.exit(0);
