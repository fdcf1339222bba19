// SPDX-License-Identifier: ISC
// usage: legacy.mjs MODULES URL KEY VERSION CHANNEL TEXT
// The official client of the legacy revisions goes through a whole session; a
// JSON line for each thing seen, exit status 0 when all of it went well.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, url, key, version, channel, text] = process.argv.slice(2);
const find = createRequire(modules + '/node_modules/x.js');
const load = name => import(pathToFileURL(
	find.resolve('@modelcontextprotocol/sdk/' + name).replace('/dist/cjs/', '/dist/esm/')));
const { Client } = await load('client/index.js');
const { StreamableHTTPClientTransport } = await load('client/streamableHttp.js');
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

const watched = async (to, init = {}) => {
	const answer = await fetch(to, init);
	say('http', { method: init.method ?? 'GET', status: answer.status });
	return answer;
};
const transport = new StreamableHTTPClientTransport(new URL(url),
	{ requestInit: { headers: { Authorization: 'Bearer ' + key } }, fetch: watched });
const send = transport.send.bind(transport);
transport.send = (m, o) => {
	if (m.method === 'initialize')
		m.params.protocolVersion = version;
	return send(m, o);
};
const client = new Client({ name: 'legacy', version: '1' }, { capabilities: {} });
client.onerror = e => say('onerror', { message: String(e.message ?? e) });
const call = async (name, args) => {
	const r = await client.callTool({ name, arguments: args });
	say('call', { name, isError: r.isError ?? false, text: r.content[0].text });
};
try {
	await client.connect(transport);
	say('connected', { version: transport.protocolVersion, session: !!transport.sessionId,
		server: client.getServerVersion().name });
	say('tools', { names: (await client.listTools()).tools.map(t => t.name) });
	await client.ping();
	await client.setLoggingLevel('warning');
	await call('slack_list_channels', { limit: 5 });
	await call('slack_post_message', { channel_id: channel, text });
	await call('slack_get_channel_history', { channel_id: channel, limit: 3 });
	await transport.terminateSession();
	await client.close();
	say('done');
} catch (e) {
	say('failed', { code: e.code ?? null, message: String(e.message ?? e) });
	process.exit(1);
}
process.exit(0);
